#include "runtime/cuda/device_pages.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/cuda/kv_layout.h"

namespace kvscope {
namespace {

constexpr size_t kChunkPages = 32;

std::byte* Slot(const std::byte* page, size_t slot, KvType type, size_t head_dim) {
  return SlotAddress(const_cast<std::byte*>(page), slot, type, head_dim);
}

}  // namespace

DevicePages::DevicePages(DeviceLedger& ledger, cudaStream_t stream, KvType type, size_t head_dim)
    : ledger_(ledger),
      stream_(stream),
      type_(type),
      head_dim_(head_dim),
      device_edits_(ledger, DevicePurpose::kScratch),
      device_begins_(ledger, DevicePurpose::kScratch) {}

DevicePages::~DevicePages() {
  for (void* chunk : chunks_) {
    ledger_.Free(DevicePurpose::kCache, chunk, kChunkPages * PageBytes(type_, head_dim_));
  }
}

std::byte* DevicePages::Allocate(size_t bytes) {
  if (free_.empty()) {
    void* const chunk = ledger_.Allocate(DevicePurpose::kCache, kChunkPages * bytes);
    chunks_.push_back(chunk);
    for (size_t i = kChunkPages; i > 0; --i)
      free_.push_back(static_cast<std::byte*>(chunk) + (i - 1) * bytes);
  }
  std::byte* const page = free_.back();
  free_.pop_back();
  return page;
}

void DevicePages::Free(std::byte* page, size_t) { freed_.push_back(page); }

void DevicePages::ReleaseFreed() {
  free_.insert(free_.end(), freed_.begin(), freed_.end());
  freed_.clear();
}

void DevicePages::CopyPage(const std::byte* from, std::byte* to, size_t) {
  page_copies_.push_back({to, from, CacheEdit::What::kPage});
}

void DevicePages::StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
                            const float*) {
  const auto row = static_cast<unsigned>(static_cast<size_t>(key - keys_) / head_dim);
  writes_.push_back({Slot(page, slot, type, head_dim), row / kv_heads_, row % kv_heads_});
}

void DevicePages::CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page,
                           size_t to_slot, size_t head_dim) {
  slot_copies_.push_back({Slot(to_page, to_slot, type, head_dim), Slot(from_page, from_slot, type, head_dim),
                          CacheEdit::What::kSlot});
}

void DevicePages::LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key,
                           float* value) {
  const size_t bytes = ElementBytes(type);
  std::vector<std::byte> row(head_dim * bytes);
  for (const auto& [offset, out] :
       {std::pair(size_t{0}, key), std::pair(ValueOffset(static_cast<unsigned>(head_dim)) * bytes, value)}) {
    const cudaError_t copied = cudaMemcpyAsync(row.data(), Slot(page, slot, type, head_dim) + offset,
                                               row.size(), cudaMemcpyDeviceToHost, stream_);
    const bool loaded = copied == cudaSuccess && cudaStreamSynchronize(stream_) == cudaSuccess;
    for (size_t d = 0; d < head_dim; ++d) {
      out[d] = loaded ? LoadElement(type, &row[d * bytes]) : std::numeric_limits<float>::quiet_NaN();
    }
  }
}

void DevicePages::WritesFrom(const float* keys, unsigned kv_heads) {
  keys_ = keys;
  kv_heads_ = kv_heads;
}

absl::Status DevicePages::Run(const std::vector<CacheEdit>& edits, const std::vector<unsigned>& begins) {
  if (edits.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(device_edits_.Upload(edits, stream_));
  RETURN_IF_ERROR(device_begins_.Upload(begins, stream_));
  RETURN_IF_CUDA_ERROR(EditCachesOnDevice({device_edits_.data(), device_begins_.data(), begins.size() - 1,
                                           static_cast<unsigned>(head_dim_), type_},
                                          stream_));
  return absl::OkStatus();
}

void DevicePages::Forget() {
  page_copies_.clear();
  slot_copies_.clear();
  separated_.clear();
  writes_.clear();
}

void DevicePages::Separate() { separated_.push_back(static_cast<unsigned>(slot_copies_.size())); }

// Pages are copied while they have other owners, so before anybody writes them: all of them first, side by
// side. Then the rows one by one: one cache's last look at a shared page may come before another's write to
// it.
absl::Status DevicePages::Edit() {
  std::vector<unsigned> each(page_copies_.size() + 1);
  std::iota(each.begin(), each.end(), 0u);
  RETURN_IF_ERROR(Run(page_copies_, each));
  std::vector<unsigned> begins = {0};
  begins.insert(begins.end(), separated_.begin(), separated_.end());
  begins.push_back(static_cast<unsigned>(slot_copies_.size()));
  RETURN_IF_ERROR(Run(slot_copies_, begins));
  page_copies_.clear();
  slot_copies_.clear();
  separated_.clear();
  ReleaseFreed();
  return absl::OkStatus();
}

absl::Status DevicePages::EditByPage() {
  const size_t page_bytes = PageBytes(type_, head_dim_) / 2;  // of keys: slots' addresses are their keys'
  std::ranges::stable_sort(slot_copies_, {}, &CacheEdit::to);
  std::vector<unsigned> begins;
  const std::byte* end = nullptr;
  for (unsigned i = 0; i < slot_copies_.size(); ++i) {
    if (begins.empty() || slot_copies_[i].to >= end) {
      begins.push_back(i);
      end = slot_copies_[i].to + page_bytes;
    }
  }
  begins.push_back(static_cast<unsigned>(slot_copies_.size()));
  RETURN_IF_ERROR(Run(slot_copies_, begins));
  slot_copies_.clear();
  return Edit();
}

}  // namespace kvscope
