// Places for labels beside marks, so that none covers another.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "eval/report/charts/axes.h"

namespace kvscope {

struct LabelPlace {
  double x = 0;
  double y = 0;  // base line
  std::string_view anchor;
  bool is_far = false;  // so far off that a line should lead to it
};

class LabelLayout {
 public:
  // Labels stay within `bounds`.
  explicit LabelLayout(const Box& bounds) : bounds_(bounds) {}

  // What no label may cover, and what it only should not.
  void Forbid(const Box& box) { forbidden_.push_back(box); }
  void Avoid(const Box& box) { avoided_.push_back(box); }

  // For a label of `width` at the mark around (x, y). nullopt when there is no room near it.
  std::optional<LabelPlace> Place(double x, double y, double width);

 private:
  const Box bounds_;
  std::vector<Box> forbidden_;
  std::vector<Box> avoided_;
};

}  // namespace kvscope
