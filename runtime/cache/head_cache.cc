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

void HeadCache::Append(int position, const float* key, const float* value) {
  if (holes_.empty()) {
    const int slot = static_cast<int>(slots_.size());
    if (slots_.size() % kPageSlots == 0) AddPage();
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
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(pages), pages_.end());
  page_pointers_.resize(pages);
}

void HeadCache::Write(int slot, int position, const float* key, const float* value) {
  ledger_->memory().StoreSlot(type_, WritablePage(slot), static_cast<size_t>(slot) % kPageSlots, head_dim_,
                              key, value);
  slots_[static_cast<size_t>(slot)] = {.position = position, .rank = next_rank_++, .accumulated = 0.0f};
}

void HeadCache::MoveLastInto(int hole) {
  const int last = static_cast<int>(slots_.size()) - 1;
  if (hole != last) {
    std::byte* to = WritablePage(hole);  // before Page(last): they may be one page, that is copied now
    ledger_->memory().CopySlot(type_, Page(last), static_cast<size_t>(last) % kPageSlots, to,
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
  HeadCache subset(type_, head_dim_, *ledger_);
  subset.slots_.reserve(slots.size());
  for (int slot : slots) {
    const auto to = subset.slots_.size();
    if (to % kPageSlots == 0) subset.AddPage();
    ledger_->memory().CopySlot(type_, Page(slot), static_cast<size_t>(slot) % kPageSlots,
                               subset.pages_.back().Writable(), to % kPageSlots, head_dim_);
    subset.slots_.push_back(slots_[static_cast<size_t>(slot)]);
    subset.slots_.back().rank = subset.next_rank_++;
  }
  return subset;
}

void HeadCache::Load(int slot, float* key, float* value) const {
  ledger_->memory().LoadSlot(type_, Page(slot), static_cast<size_t>(slot) % kPageSlots, head_dim_, key,
                             value);
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
