#include "kernels/cuda/slot_states.h"

#include <climits>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 128;

__global__ void __launch_bounds__(kThreads) EditSlotStatesKernel(const SlotEdit* edits, unsigned count) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  const SlotEdit edit = edits[i];
  edit.states.ranks[edit.to] = edit.rank;
  if (edit.states.positions != nullptr) edit.states.positions[edit.to] = edit.position;
  if (edit.states.accumulated != nullptr) {
    edit.states.accumulated[edit.to] = edit.from == SlotEdit::kNew ? 0.0f : edit.states.accumulated[edit.from];
  }
}

}  // namespace

cudaError_t EditSlotStatesOnDevice(const SlotEdit* edits, size_t count, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  if (edits == nullptr || count > INT_MAX) return cudaErrorInvalidValue;
  const unsigned n = static_cast<unsigned>(count);
  return Launch<EditSlotStatesKernel>(dim3((n + kThreads - 1) / kThreads), dim3(kThreads), 0, stream, edits, n);
}

}  // namespace kvscope
