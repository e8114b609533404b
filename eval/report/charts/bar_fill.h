// Parts of bars: told apart by colour and by hatching.
#pragma once

#include "eval/report/charts/mark.h"
#include "eval/report/markup.h"

namespace kvscope {

// A filled rectangle; the style's shape chooses the hatching: even ones have none, odd ones stripes.
void DrawBarPart(Markup& svg, const SeriesStyle& style, double x, double y, double width, double height);

}  // namespace kvscope
