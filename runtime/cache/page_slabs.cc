#include "runtime/cache/page_slabs.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kvscope {
namespace {

constexpr size_t kSlabBytes = size_t{2} << 20;  // a huge page
constexpr size_t kCacheLine = 64;

}  // namespace

PageSlabs::Slab& PageSlabs::WithRoom(Slabs& slabs, size_t bytes) {
  const auto found = std::ranges::find_if(slabs, [](const auto& slab) { return !slab.second.free.empty(); });
  if (found != slabs.end()) return found->second;
  const size_t stride = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  Slab slab{.memory = HugeBuffer(std::max(kSlabBytes, stride))};
  slab.blocks = slab.memory.size() / stride;
  for (size_t block = slab.blocks; block-- > 0;) slab.free.push_back(slab.memory.data() + block * stride);
  spare_bytes_ += slab.memory.size();
  const std::byte* const address = slab.memory.data();
  return slabs.emplace(address, std::move(slab)).first->second;
}

std::byte* PageSlabs::Allocate(size_t bytes) {
  std::lock_guard lock(mutex_);
  Slab& slab = WithRoom(by_block_bytes_[bytes], bytes);
  if (slab.free.size() == slab.blocks) spare_bytes_ -= slab.memory.size();
  std::byte* const block = slab.free.back();
  slab.free.pop_back();
  return block;
}

void PageSlabs::Free(std::byte* block, size_t bytes) {
  std::lock_guard lock(mutex_);
  Slabs& slabs = by_block_bytes_.at(bytes);
  const auto slab = std::prev(slabs.upper_bound(block));
  slab->second.free.push_back(block);
  if (slab->second.free.size() < slab->second.blocks) return;
  spare_bytes_ += slab->second.memory.size();
  if (spare_bytes_ <= kSpareBytes) return;
  spare_bytes_ -= slab->second.memory.size();
  slabs.erase(slab);
}

}  // namespace kvscope
