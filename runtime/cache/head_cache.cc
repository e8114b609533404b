#include "runtime/cache/head_cache.h"

#include <algorithm>

namespace kvscope {

void HeadCache::AddPage() {
  pages_.emplace_back(*ledger_, PageBytes(type_, head_dim_));
  page_pointers_.push_back(pages_.back().data());
}

std::byte* HeadCache::WritablePage(int slot) {
  const size_t page = static_cast<size_t>(slot) / kPageSlots;
  std::byte* data = pages_[page].Writable();
  page_pointers_[page] = data;
  return data;
}

int HeadCache::Reserve(int position) {
  int slot = static_cast<int>(slots());
  if (holes_.empty()) {
    if (slots() % kPageSlots == 0) AddPage();
    positions_.push_back(0);
    ranks_.push_back(0);
    accumulated_.push_back(0);
  } else {
    slot = holes_.front();
    holes_.erase(holes_.begin());
  }
  WritablePage(slot);
  // From the highest hole down, so that the last slot is never a hole itself.
  for (; !holes_.empty(); holes_.pop_back()) MoveLastInto(holes_.back());
  const size_t pages = (slots() + kPageSlots - 1) / kPageSlots;
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(pages), pages_.end());
  page_pointers_.resize(pages);
  const auto s = static_cast<size_t>(slot);
  positions_[s] = position;
  ranks_[s] = next_rank_++;
  accumulated_[s] = 0;
  return slot;
}

void HeadCache::Write(int slot, const float* key, const float* value) {
  // Reserve has made the page this cache's alone.
  ledger_->memory().StoreSlot(type_, const_cast<std::byte*>(Page(slot)),
                              static_cast<size_t>(slot) % kPageSlots, head_dim_, key, value);
  if (directions_.has_value()) directions_->Add(static_cast<size_t>(slot), KeyOf(slot));
}

void HeadCache::MoveLastInto(int hole) {
  const size_t last = slots() - 1, to_slot = static_cast<size_t>(hole);
  if (to_slot != last) {
    std::byte* to = WritablePage(hole);  // before Page(last): they may be one page, that is copied now
    ledger_->memory().CopySlot(type_, Page(static_cast<int>(last)), last % kPageSlots, to,
                               to_slot % kPageSlots, head_dim_);
    positions_[to_slot] = positions_[last];
    ranks_[to_slot] = ranks_[last];
    accumulated_[to_slot] = accumulated_[last];
    ++moved_rows_;
  }
  if (directions_.has_value()) directions_->MoveLast(to_slot);
  positions_.pop_back();
  ranks_.pop_back();
  accumulated_.pop_back();
}

void HeadCache::Evict(std::span<const int> slots) {
  if (directions_.has_value()) {
    for (int slot : slots) directions_->Remove(static_cast<size_t>(slot), KeyOf(slot));
  }
  holes_.insert(holes_.end(), slots.begin(), slots.end());
  std::sort(holes_.begin(), holes_.end());
}

HeadCache HeadCache::Subset(std::span<const int> slots) const {
  HeadCache subset(type_, head_dim_, *ledger_);
  subset.positions_.reserve(slots.size());
  subset.ranks_.reserve(slots.size());
  subset.accumulated_.reserve(slots.size());
  for (int slot : slots) {
    const size_t from = static_cast<size_t>(slot), to = subset.slots();
    if (to % kPageSlots == 0) subset.AddPage();
    ledger_->memory().CopySlot(type_, Page(slot), from % kPageSlots, subset.pages_.back().Writable(),
                               to % kPageSlots, head_dim_);
    subset.positions_.push_back(positions_[from]);
    subset.ranks_.push_back(subset.next_rank_++);
    subset.accumulated_.push_back(accumulated_[from]);
  }
  return subset;
}

void HeadCache::Load(int slot, float* key, float* value) const {
  ledger_->memory().LoadSlot(type_, Page(slot), static_cast<size_t>(slot) % kPageSlots, head_dim_, key,
                             value);
}

std::vector<float> HeadCache::KeyOf(int slot) const {
  std::vector<float> key(head_dim_), value(head_dim_);
  Load(slot, key.data(), value.data());
  return key;
}

void HeadCache::TrackDirections() {
  directions_.emplace(head_dim_);
  for (int slot = 0; slot < static_cast<int>(slots()); ++slot)
    directions_->Add(static_cast<size_t>(slot), KeyOf(slot));
}

std::vector<int> HeadCache::RowOrder() const {
  std::vector<int> order;
  order.reserve(size());
  auto hole = holes_.begin();
  for (int slot = 0; slot < static_cast<int>(slots()); ++slot) {
    if (hole != holes_.end() && *hole == slot) {
      ++hole;
    } else {
      order.push_back(slot);
    }
  }
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return ranks_[static_cast<size_t>(a)] < ranks_[static_cast<size_t>(b)]; });
  return order;
}

void HeadCache::Rerank(std::span<const int> slots) {
  next_rank_ = 0;
  for (int slot : slots) ranks_[static_cast<size_t>(slot)] = next_rank_++;
}

}  // namespace kvscope
