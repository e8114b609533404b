#include "eval/report/charts/label_layout.h"

#include <algorithm>
#include <array>

#include "eval/report/charts/svg.h"

namespace kvscope {
namespace {

// Where a label may stand, from the mark: best first. Units: the distance for x, and for y.
struct Direction {
  double x, y;
  std::string_view anchor;
};
constexpr std::array<Direction, 8> kDirections = {{{1, 0, "start"},
                                                   {-1, 0, "end"},
                                                   {0.7, -1, "start"},
                                                   {0.7, 1, "start"},
                                                   {-0.7, -1, "end"},
                                                   {-0.7, 1, "end"},
                                                   {0, -1.3, "middle"},
                                                   {0, 1.3, "middle"}}};
constexpr std::array<double, 3> kDistances = {9, 18, 32};
constexpr double kFarDistance = 18;
constexpr double kAscent = 0.75 * kFontPx;
constexpr double kDescent = 0.3 * kFontPx;

bool Overlap(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

bool OverlapsAny(const Box& box, const std::vector<Box>& others) {
  return std::ranges::any_of(others, [&](const Box& other) { return Overlap(box, other); });
}

Box BoxOf(const LabelPlace& place, double width) {
  const double left = place.anchor == "start" ? place.x
                      : place.anchor == "end" ? place.x - width
                                              : place.x - width / 2;
  return {left, place.y - kAscent, left + width, place.y + kDescent};
}

}  // namespace

std::optional<LabelPlace> LabelLayout::Place(double x, double y, double width) {
  for (const bool strict : {true, false}) {
    for (const double distance : kDistances) {
      for (const Direction& direction : kDirections) {
        const LabelPlace place = {x + distance * direction.x, y + distance * direction.y + kFontPx / 3,
                                  direction.anchor, distance >= kFarDistance};
        const Box box = BoxOf(place, width);
        const bool inside = box.left >= bounds_.left && box.right <= bounds_.right &&
                            box.top >= bounds_.top && box.bottom <= bounds_.bottom;
        if (!inside || OverlapsAny(box, forbidden_) || (strict && OverlapsAny(box, avoided_))) continue;
        forbidden_.push_back(box);
        return place;
      }
    }
  }
  return std::nullopt;
}

}  // namespace kvscope
