// The device language: keywords, variables, barriers, fences, loads with hints. Warp primitives, atomics and
// arithmetic have headers of their own.
#pragma once

#include <cuda_runtime.h>

#include <source_location>

#include "kernels/simt/block.h"

// NVIDIA's headers define the keywords for host compilers too. This one does not compile here: a static
// variable in its place would be seen neither by the counters nor, in inline functions, by AddressSanitizer.
#undef __shared__
#define __shared__ use_KVSCOPE_SHARED_instead
#define __launch_bounds__(...)

inline constexpr int warpSize = 32;

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  kvscope::simt::BlockBarrier(false, kvscope::simt::BarrierVote::kNone, "__syncthreads", where);
}
inline int __syncthreads_count(int predicate, std::source_location where = std::source_location::current()) {
  return kvscope::simt::BlockBarrier(predicate != 0, kvscope::simt::BarrierVote::kCount,
                                     "__syncthreads_count", where);
}
inline int __syncthreads_and(int predicate, std::source_location where = std::source_location::current()) {
  return kvscope::simt::BlockBarrier(predicate != 0, kvscope::simt::BarrierVote::kAnd, "__syncthreads_and",
                                     where);
}
inline int __syncthreads_or(int predicate, std::source_location where = std::source_location::current()) {
  return kvscope::simt::BlockBarrier(predicate != 0, kvscope::simt::BarrierVote::kOr, "__syncthreads_or",
                                     where);
}

inline void __threadfence_block() { kvscope::simt::MemoryFence(); }
inline void __threadfence() { kvscope::simt::MemoryFence(); }
inline void __threadfence_system() { kvscope::simt::MemoryFence(); }

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
void __stcg(T* address, T value) {
  *address = value;
}
template <class T>
void __stcs(T* address, T value) {
  *address = value;
}
