// Cached keys and values of one head of one layer of one sequence, in slots.
//
// Attention does not depend on the order of slots, so an eviction moves nothing: the next row takes the
// evicted entry's slot. Only where more was evicted than arrives are rows moved, from the end into the holes.
// Caches made by Fork share their pages until one of them writes to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/kv_page.h"
#include "runtime/cache/key_directions.h"
#include "runtime/cache/page.h"

namespace kvscope {

class HeadCache {
 public:
  // `ledger` accounts for the pages and must outlive them.
  HeadCache(KvType type, size_t head_dim, PageLedger& ledger)
      : type_(type), head_dim_(head_dim), ledger_(&ledger) {}
  HeadCache(HeadCache&&) = default;
  HeadCache& operator=(HeadCache&&) = default;

  // Adds the entry of a position later than all before it, with the highest rank. Fills every hole first, so
  // that afterwards the entries are slots [0, size()). `key`, `value`: [head_dim], for the ledger's memory.
  void Append(int position, const float* key, const float* value) { Write(Reserve(position), key, value); }

  // The same in two steps. Reserve returns the new entry's slot; Write may then go on beside readers of other
  // slots and, before TrackDirections, beside writers of other pages.
  int Reserve(int position);
  void Write(int slot, const float* key, const float* value);

  // Gives up slots. Until the next Append they are holes: attend first, then evict.
  void Evict(std::span<const int> slots);

  // The entries in `slots`, in that order, as a cache of its own with ranks 0, 1, ... REQUIRES: no holes.
  HeadCache Subset(std::span<const int> slots) const;

  // A cache with the same entries. Forks on different threads may be used and destroyed at the same time.
  HeadCache Fork() const { return *this; }

  // Reads an entry back, [head_dim] each.
  void Load(int slot, float* key, float* value) const;

  size_t size() const { return slots() - holes_.size(); }
  // Of this cache as if it shared no page.
  size_t allocated_bytes() const { return pages_.size() * PageBytes(type_, head_dim_); }
  uint64_t moved_rows() const { return moved_rows_; }

  KvType type() const { return type_; }
  size_t head_dim() const { return head_dim_; }
  std::span<const std::byte* const> pages() const { return page_pointers_; }

  // By slot, those in use and holes; a hole's content is what it held.
  size_t slots() const { return positions_.size(); }
  std::span<const int> positions() const { return positions_; }  // in prompt and output
  std::span<const int> ranks() const {
    return ranks_;
  }  // in row order: counts arrivals, unless Rerank says otherwise
  // Attention summed over steps, for the policies that rank by it.
  std::span<float> accumulated() { return accumulated_; }
  std::span<const float> accumulated() const { return accumulated_; }

  // Slots given up since the last Append, ascending.
  std::span<const int> holes() const { return holes_; }

  // Begins to keep the directions of keys, of those that are stored and of those to come; reads all keys
  // once. REQUIRES: no holes.
  void TrackDirections();
  // Null before TrackDirections, and of a Subset.
  const KeyDirections* directions() const { return directions_.has_value() ? &*directions_ : nullptr; }

  // Slots by ascending rank, holes left out.
  std::vector<int> RowOrder() const;

  // The entries in `slots` get ranks 0, 1, ... in that order; the next appended entry comes after them.
  void Rerank(std::span<const int> slots);

  // Rank that the next appended entry gets.
  int next_rank() const { return next_rank_; }

 private:
  HeadCache(const HeadCache&) = default;

  void AddPage();
  const std::byte* Page(int slot) const { return page_pointers_[static_cast<size_t>(slot) / kPageSlots]; }
  std::byte* WritablePage(int slot);
  void MoveLastInto(int hole);
  std::vector<float> KeyOf(int slot) const;

  KvType type_;
  size_t head_dim_;
  PageLedger* ledger_;
  std::vector<PageRef> pages_;
  std::vector<const std::byte*> page_pointers_;  // to the data of pages_
  std::vector<int> positions_;                   // [slots]
  std::vector<int> ranks_;                       // [slots]
  std::vector<float> accumulated_;               // [slots]
  std::vector<int> holes_;                       // ascending
  std::optional<KeyDirections> directions_;
  int next_rank_ = 0;
  uint64_t moved_rows_ = 0;
};

}  // namespace kvscope
