#include "runtime/cuda/tile_list.h"

#include <algorithm>

namespace kvscope {

void TileList::Add(size_t first_row, size_t queries, std::span<const std::byte* const> pages, size_t slots,
                   bool keep) {
  for (size_t row = first_row; row < first_row + queries; ++row) {
    rows_[row] = {static_cast<unsigned>(slots), static_cast<unsigned>(partials_),
                  keep ? probabilities_ : AttentionRow::kNotKept};
    partials_ += rows_[row].Splits();
    if (keep) probabilities_ += slots;
  }
  for (unsigned split = 0; split * kSplitSlots < slots; ++split) {
    const auto first = pages.begin() + split * kSplitPages;
    const unsigned n = static_cast<unsigned>(std::min<size_t>(kSplitSlots, slots - split * kSplitSlots));
    std::vector<unsigned>& rows = queries_[{split, n, {first, first + (n + kPageSlots - 1) / kPageSlots}}];
    for (size_t row = first_row; row < first_row + queries; ++row) rows.push_back(static_cast<unsigned>(row));
  }
}

size_t TileList::tile_count() const {
  size_t tiles = 0;
  for (const auto& [split, rows] : queries_) tiles += (rows.size() + kTileQueries - 1) / kTileQueries;
  return tiles;
}

size_t TileList::page_count() const {
  size_t pages = 0;
  for (const auto& [split, rows] : queries_) pages += split.pages.size();
  return pages;
}

unsigned TileList::tile_queries() const {
  size_t most = 0;
  for (const auto& [split, rows] : queries_) most = std::max(most, rows.size());
  return static_cast<unsigned>(std::min<size_t>(most, kTileQueries));
}

std::vector<const std::byte*> TileList::PageList() const {
  std::vector<const std::byte*> list;
  for (const auto& [split, rows] : queries_) list.insert(list.end(), split.pages.begin(), split.pages.end());
  return list;
}

std::vector<AttentionTile> TileList::Tiles(const std::byte* const* device_pages) const {
  std::vector<AttentionTile> tiles;
  for (const auto& [split, rows] : queries_) {
    for (size_t first = 0; first < rows.size(); first += kTileQueries) {
      AttentionTile& tile = tiles.emplace_back();
      tile.pages = device_pages;
      tile.slots = split.slots;
      tile.split = split.number;
      tile.queries = static_cast<unsigned>(std::min<size_t>(kTileQueries, rows.size() - first));
      std::copy_n(&rows[first], tile.queries, tile.rows);
    }
    device_pages += split.pages.size();
  }
  return tiles;
}

}  // namespace kvscope
