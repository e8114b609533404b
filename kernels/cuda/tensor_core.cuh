// Tensor cores, and copies that a thread does not wait for: the one header with PTX, which CUDA C++ has no words for. The
// emulator's twins are kernels/simt/tensor_core.h and kernels/simt/async_copy.h; they reproduce the layouts of fragments.
// All instructions are those of sm_80 and later.
#pragma once

#include <cstdint>
#include <source_location>

#include "kernels/cuda/device.h"

// For parameter lists: where the kernel calls, for the emulator's reports.
#if defined(__CUDACC__)
#define KVSCOPE_CALLED_AT
#else
#define KVSCOPE_CALLED_AT , const std::source_location &where = std::source_location::current()
#endif

namespace kvscope {
namespace {

#if defined(__CUDACC__)
__device__ __forceinline__ unsigned SharedAddress(const void* address) {
  return static_cast<unsigned>(__cvta_generic_to_shared(address));
}
#endif

// Loads four 8 x 8 matrices of 16-bit elements from shared memory. Lane l has the address of row l % 8 of matrix l / 8,
// aligned to 16 bytes; of each matrix it gets elements 2 * (l % 4) and the next of row l / 4. REQUIRES: the whole warp.
__device__ __forceinline__ void LoadMatrices(uint32_t (&elements)[4], const void* row KVSCOPE_CALLED_AT) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(elements[0]), "=r"(elements[1]), "=r"(elements[2]), "=r"(elements[3])
               : "r"(SharedAddress(row))
               : "memory");
#else
  simt::LoadMatrices<false>(elements, row, where);
#endif
}

// The same of the transposed matrices: lane l gets elements 2 * (l % 4) and the next of column l / 4.
__device__ __forceinline__ void LoadMatricesTransposed(uint32_t (&elements)[4], const void* row KVSCOPE_CALLED_AT) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(elements[0]), "=r"(elements[1]), "=r"(elements[2]), "=r"(elements[3])
               : "r"(SharedAddress(row))
               : "memory");
#else
  simt::LoadMatrices<true>(elements, row, where);
#endif
}

// sums += a b: a of 16 x 16, b of 16 x 8, bfloat16 in pairs; sums of 16 x 8, float. With g = l / 4 and p = 2 * (l % 4) lane
// l holds a(g, p), a(g + 8, p), a(g, p + 8), a(g + 8, p + 8) and what is right of each; b(p, g), b(p + 8, g) and what is
// below each; sums(g, p), (g, p + 1), (g + 8, p), (g + 8, p + 1). REQUIRES: the whole warp.
__device__ __forceinline__ void MultiplyAdd(float (&sums)[4], const uint32_t (&a)[4],
                                            const uint32_t (&b)[2] KVSCOPE_CALLED_AT) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::MultiplyAdd(sums, a, b, where);
#endif
}

// Starts to copy 16 bytes from device to shared memory, both aligned to 16; zeros where not `read`.
__device__ __forceinline__ void StartCopy(void* shared, const void* global, bool read KVSCOPE_CALLED_AT) {
#if defined(__CUDACC__)
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(SharedAddress(shared)), "l"(global),
               "r"(read ? 16 : 0)
               : "memory");
#else
  simt::StartAsyncCopy(shared, global, read, where);
#endif
}

// The copies that the thread has started since the last call become a group.
__device__ __forceinline__ void CommitCopies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::CommitAsyncCopies();
#endif
}

// Waits for the thread's own groups but the last kLeft; a barrier has to follow before others' are there.
template <int kLeft>
__device__ __forceinline__ void WaitForCopies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
#else
  simt::WaitForAsyncCopies(kLeft);
#endif
}

}  // namespace
}  // namespace kvscope

#undef KVSCOPE_CALLED_AT
