// What the files of page products for AVX-512 share. In an unnamed namespace, so that nothing compiled for
// these instructions is seen outside of the file that includes it.
#pragma once

#include <stddef.h>

namespace kvscope {
namespace {

// Queries whose sums the registers hold at once.
constexpr size_t kRegisterRows = 6;

template <size_t kRows>
struct RowCount {};

// tile(RowCount<n>(), r) for successive runs of n queries from r on, n at most kRegisterRows.
template <typename Tile>
inline void ForRegisterRows(size_t queries, const Tile& tile) {
  for (size_t r = 0; r < queries; r += kRegisterRows) {
    switch (queries - r) {
      case 1:
        tile(RowCount<1>(), r);
        break;
      case 2:
        tile(RowCount<2>(), r);
        break;
      case 3:
        tile(RowCount<3>(), r);
        break;
      case 4:
        tile(RowCount<4>(), r);
        break;
      case 5:
        tile(RowCount<5>(), r);
        break;
      default:
        tile(RowCount<kRegisterRows>(), r);
    }
  }
}

}  // namespace
}  // namespace kvscope
