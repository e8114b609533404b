// A decode step's attention in one layer, as the lists that kernels/cuda/decode_attention.h takes.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "kernels/cuda/decode_attention.h"

namespace kvscope {

// Cached heads' queries cut into tiles. Heads that hold the same pages, forks of one prompt, share tiles as
// far as they do, and so read these pages once.
class TileList {
 public:
  // `rows`: query heads of the step; those that nobody adds attend to nothing.
  explicit TileList(size_t rows) : rows_(rows, {0, 0, AttentionRow::kNotKept}) {}

  // Query heads [first_row, first_row + queries) attend to `slots` slots of `pages`. `keep`: their
  // probabilities are wanted.
  void Add(size_t first_row, size_t queries, std::span<const std::byte* const> pages, size_t slots,
           bool keep);

  const std::vector<AttentionRow>& rows() const { return rows_; }

  // When all heads have been added.
  std::vector<const std::byte*> PageList() const;
  // `device_pages`: where PageList() is in device memory.
  std::vector<AttentionTile> Tiles(const std::byte* const* device_pages) const;

  size_t tile_count() const;
  size_t page_count() const;
  unsigned tile_queries() const;  // the most that a tile has

  size_t partials() const { return partials_; }
  size_t probabilities() const { return probabilities_; }

 private:
  // What rows attend to in one split.
  struct Split {
    unsigned number;
    unsigned slots;
    std::vector<const std::byte*> pages;
    friend auto operator<=>(const Split&, const Split&) = default;
  };

  std::vector<AttentionRow> rows_;
  std::map<Split, std::vector<unsigned>> queries_;  // rows of each
  size_t partials_ = 0;
  size_t probabilities_ = 0;
};

}  // namespace kvscope
