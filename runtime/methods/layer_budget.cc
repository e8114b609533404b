#include "runtime/methods/layer_budget.h"

#include <algorithm>

namespace kvscope {
namespace {

struct Ends {
  int first;
  int last;
};

Ends PyramidEnds(int average, int divisor, int most) {
  const int last = average / divisor;
  const int first = 2 * average - last;
  return first >= most ? Ends{most, 2 * average - most} : Ends{first, last};
}

}  // namespace

int PyramidShare(int average, int divisor, int most, int layer, int layers) {
  if (layers == 1) return std::min(average, most);
  const auto [first, last] = PyramidEnds(average, divisor, most);
  return first - layer * (first - last) / (layers - 1);
}

int PublishedPyramidShare(int average, int divisor, int most, int layer, int layers) {
  const auto [first, last] = PyramidEnds(average, divisor, most);
  return first - layer * ((first - last) / layers);
}

}  // namespace kvscope
