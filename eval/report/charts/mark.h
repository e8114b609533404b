// How the points of a series look: colour and shape, so that neither is needed alone.
#pragma once

#include <string>
#include <string_view>

#include "eval/report/markup.h"

namespace kvscope {

struct SeriesStyle {
  int color = 0;  // kReferenceColor, or an index of Palette::series
  int shape = 0;

  // The style of the i-th series: no two of the first kSeriesColors * kShapes are alike.
  static SeriesStyle Of(int i);
};

inline constexpr int kReferenceColor = -1;
inline constexpr int kShapes =
    8;  // shares no factor with kSeriesColors, so that colours and shapes pair up anew
inline constexpr SeriesStyle kReferenceStyle = {kReferenceColor, 0};

// The CSS class that sets --mark to the style's colour.
std::string ColorClass(const SeriesStyle& style);

// A mark around (x, y), of about the area of a circle of radius `radius`. With `hollow` only its outline.
void DrawMark(Markup& svg, const SeriesStyle& style, double x, double y, double radius, bool hollow = false);

}  // namespace kvscope
