#include "runtime/cache/head_cache.h"

#include <algorithm>

namespace kvscope {

void HeadCache::Append(int position, const float* key, const float* value) {
  if (holes_.empty()) {
    const int slot = static_cast<int>(slots_.size());
    if (slots_.size() % kPageSlots == 0) {
      pages_.emplace_back(PageBytes(type_, head_dim_));
      page_pointers_.push_back(pages_.back().data());
    }
    slots_.push_back({});
    Write(slot, position, key, value);
    return;
  }
  const int slot = holes_.front();
  holes_.erase(holes_.begin());
  Write(slot, position, key, value);
  // From the highest hole down, so that the last slot is never a hole itself.
  for (; !holes_.empty(); holes_.pop_back()) MoveLastInto(holes_.back());
  const size_t pages = (slots_.size() + kPageSlots - 1) / kPageSlots;
  pages_.resize(pages);
  page_pointers_.resize(pages);
}

void HeadCache::Write(int slot, int position, const float* key, const float* value) {
  StoreSlot(type_, Page(slot), static_cast<size_t>(slot) % kPageSlots, head_dim_, key, value);
  slots_[static_cast<size_t>(slot)] = {.position = position, .rank = next_rank_++, .accumulated = 0.0f};
}

void HeadCache::MoveLastInto(int hole) {
  const int last = static_cast<int>(slots_.size()) - 1;
  if (hole != last) {
    CopySlot(type_, Page(last), static_cast<size_t>(last) % kPageSlots, Page(hole),
             static_cast<size_t>(hole) % kPageSlots, head_dim_);
    slots_[static_cast<size_t>(hole)] = slots_.back();
    ++moved_rows_;
  }
  slots_.pop_back();
}

void HeadCache::Evict(std::span<const int> slots) {
  holes_.insert(holes_.end(), slots.begin(), slots.end());
  std::sort(holes_.begin(), holes_.end());
}

HeadCache HeadCache::Subset(std::span<const int> slots) const {
  HeadCache subset(type_, head_dim_);
  subset.slots_.reserve(slots.size());
  for (size_t begin = 0; begin < slots.size(); begin += kPageSlots) {
    subset.pages_.emplace_back(PageBytes(type_, head_dim_));
    subset.page_pointers_.push_back(subset.pages_.back().data());
  }
  for (int slot : slots) {
    const auto to = subset.slots_.size();
    CopySlot(type_, Page(slot), static_cast<size_t>(slot) % kPageSlots,
             subset.page_pointers_[to / kPageSlots], to % kPageSlots, head_dim_);
    subset.slots_.push_back(slots_[static_cast<size_t>(slot)]);
    subset.slots_.back().rank = subset.next_rank_++;
  }
  return subset;
}

std::vector<int> HeadCache::RowOrder() const {
  std::vector<int> order;
  order.reserve(size());
  auto hole = holes_.begin();
  for (int slot = 0; slot < static_cast<int>(slots_.size()); ++slot) {
    if (hole != holes_.end() && *hole == slot) {
      ++hole;
    } else {
      order.push_back(slot);
    }
  }
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return slots_[static_cast<size_t>(a)].rank < slots_[static_cast<size_t>(b)].rank;
  });
  return order;
}

void HeadCache::Rerank(std::span<const int> slots) {
  next_rank_ = 0;
  for (int slot : slots) slots_[static_cast<size_t>(slot)].rank = next_rank_++;
}

}  // namespace kvscope
