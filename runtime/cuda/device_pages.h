// Pages of cached keys and values in device memory. What a cache does to its pages is noted on the host, and
// carried out by a kernel for all caches together.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "kernels/cuda/cache_edits.h"
#include "kernels/cuda/rope_cache.h"
#include "runtime/cache/page_memory.h"
#include "runtime/cuda/device_memory.h"

namespace kvscope {

// All pages have the same type and head_dim. For one thread.
class DevicePages : public PageMemory {
 public:
  // All arguments outlive this, and this all its pages.
  DevicePages(DeviceLedger& ledger, cudaStream_t stream, KvType type, size_t head_dim);
  ~DevicePages() override;

  // A page that is given back is used again after the next Edit: until then, noted edits may read it.
  std::byte* Allocate(size_t bytes) override;
  void Free(std::byte* page, size_t bytes) override;
  void CopyPage(const std::byte* from, std::byte* to, size_t bytes) override;

  // `key`: that of a row that is being computed, in the array that WritesFrom named; `value` is not looked
  // at: it is the same row of the values.
  void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
                 const float* value) override;
  void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
                size_t head_dim) override;
  // Waits for the device. NaN where the device fails.
  void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key,
                float* value) override;

  KvType type() const { return type_; }

  // From now on rows are stored from `keys`, [tokens, kv_heads, head_dim] in device memory.
  void WritesFrom(const float* keys, unsigned kv_heads);

  // Forgets what was noted: the caches that noted it failed on their way, and are not used again.
  void Forget();

  // What is noted from now on has no page in common with what was noted before: as the caches of different
  // layers.
  void Separate();

  // Carries out all copies that were noted, in their order; side by side what was separated.
  absl::Status Edit();
  // The same for copies into new pages from pages that none of them writes, as prefill's selections are: side
  // by side.
  absl::Status EditByPage();

  // The rows to be stored that were noted since the last call, for RopeCacheOnDevice: to be stored after what
  // was noted is carried out.
  std::vector<CacheWrite> TakeWrites() { return std::exchange(writes_, {}); }

 private:
  absl::Status Run(const std::vector<CacheEdit>& edits, const std::vector<unsigned>& begins);
  void ReleaseFreed();

  DeviceLedger& ledger_;
  cudaStream_t stream_;
  const KvType type_;
  const size_t head_dim_;
  std::vector<void*> chunks_;      // of kChunkPages pages
  std::vector<std::byte*> free_;   // pages
  std::vector<std::byte*> freed_;  // pages that noted edits may still read
  const float* keys_ = nullptr;
  unsigned kv_heads_ = 0;
  std::vector<CacheEdit> page_copies_;
  std::vector<CacheEdit> slot_copies_;
  std::vector<unsigned> separated_;  // where in slot_copies_ Separate was called
  std::vector<CacheWrite> writes_;
  DeviceBuffer<CacheEdit> device_edits_;
  DeviceBuffer<unsigned> device_begins_;
};

}  // namespace kvscope
