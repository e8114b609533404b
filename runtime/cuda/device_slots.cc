#include "runtime/cuda/device_slots.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace kvscope {

DeviceSlots::DeviceSlots(const CachedSequence& sequence, DeviceLedger& ledger)
    : ledger_(ledger),
      layers_(sequence.layers.size()),
      heads_(sequence.layers.front().size()),
      has_{true, sequence.method.decode->rank == DecodePolicy::Rank::kLayerAttention,
           sequence.method.AccumulatesAttention()},
      words_(ledger, DevicePurpose::kScores) {}

absl::Status DeviceSlots::Reserve(const CachedSequence& sequence, cudaStream_t stream) {
  size_t needed = 0;
  for (const auto& heads : sequence.layers) {
    for (const HeadCache& cache : heads) needed = std::max(needed, cache.slots() + 1);
  }
  if (needed <= capacity_) return absl::OkStatus();
  const size_t old_capacity = std::exchange(capacity_, std::max(2 * capacity_, needed + kPageSlots));
  const size_t rows = static_cast<size_t>(std::ranges::count(has_, true)) * layers_ * heads_;
  if (old_capacity == 0) return words_.Upload(FromHost(sequence), stream);
  DeviceBuffer<int> larger(ledger_, DevicePurpose::kScores);
  larger.Resize(rows * capacity_);
  RETURN_IF_CUDA_ERROR(cudaMemcpy2DAsync(larger.data(), capacity_ * sizeof(int), words_.data(),
                                         old_capacity * sizeof(int), old_capacity * sizeof(int), rows,
                                         cudaMemcpyDeviceToDevice, stream));
  words_.Swap(larger);
  return absl::OkStatus();
}

std::vector<int> DeviceSlots::FromHost(const CachedSequence& sequence) const {
  std::vector<int> words;
  for (int array = 0; array < kArrays; ++array) {
    if (!has_[array]) continue;
    for (const auto& heads : sequence.layers) {
      for (const HeadCache& cache : heads) {
        const size_t begin = words.size();
        if (array == kRanks) words.insert(words.end(), cache.ranks().begin(), cache.ranks().end());
        if (array == kPositions)
          words.insert(words.end(), cache.positions().begin(), cache.positions().end());
        if (array == kAccumulated) {
          for (const float score : cache.accumulated()) words.push_back(std::bit_cast<int>(score));
        }
        words.resize(begin + capacity_);
      }
    }
  }
  return words;
}

void* DeviceSlots::At(Array array, size_t layer, size_t head) const {
  if (!has_[array]) return nullptr;
  const auto before = static_cast<size_t>(std::count(has_, has_ + array, true));
  return words_.data() + ((before * layers_ + layer) * heads_ + head) * capacity_;
}

SlotStates DeviceSlots::Of(size_t layer, size_t head) const {
  return {static_cast<int*>(At(kRanks, layer, head)), static_cast<int*>(At(kPositions, layer, head)),
          static_cast<float*>(At(kAccumulated, layer, head))};
}

}  // namespace kvscope
