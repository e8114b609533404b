#include "eval/report/tables/percent_cell.h"

#include "fmt/format.h"

namespace kvscope {
namespace {

// Wider than this an interval says nothing of a percentage.
constexpr int kWidest = 50;

}  // namespace

TableCell PercentCell(const std::optional<MeanInterval>& percent) {
  if (!percent) return {};
  TableCell cell{.text = fmt::format("{:.1f}", percent->mean), .shade = percent->mean / 100};
  if (!percent->half_width) return cell;
  cell.text += *percent->half_width > kWidest ? fmt::format(" ± >{}", kWidest)
                                              : fmt::format(" ± {:.1f}", *percent->half_width);
  return cell;
}

}  // namespace kvscope
