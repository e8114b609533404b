#include "eval/report/charts/axes.h"

#include <algorithm>

#include "eval/report/charts/bar_fill.h"
#include "eval/report/charts/svg.h"

namespace kvscope {
namespace {

constexpr double kTickGap = 6;
constexpr double kLineHeight = 18;
constexpr double kKeyWidth = 22;
constexpr double kEntryGap = 16;

struct Placed {
  double x, y;  // of the entry's left end, from the legend's corner
};

std::vector<Placed> LayOut(const std::vector<LegendEntry>& entries, double width) {
  std::vector<Placed> places;
  double x = 0, y = 0;
  for (const LegendEntry& entry : entries) {
    const double needed = kKeyWidth + TextWidth(entry.name);
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLineHeight;
    }
    places.push_back({x, y});
    x += needed + kEntryGap;
  }
  return places;
}

void DrawKey(Markup& svg, const LegendEntry& entry, double x, double y) {
  constexpr double kRadius = 4.5;
  const double middle = x + kKeyWidth / 2 - 3;
  switch (entry.kind) {
    case LegendEntry::Kind::kMark:
    case LegendEntry::Kind::kHollowMark:
      DrawMark(svg, entry.style, middle, y, kRadius, entry.kind == LegendEntry::Kind::kHollowMark);
      return;
    case LegendEntry::Kind::kFront:
      DrawLine(svg, "front", x, y, x + kKeyWidth - 6, y);
      return;
    case LegendEntry::Kind::kInterval:
      DrawLine(svg, "interval reference", middle, y - 7, middle, y + 7);
      return;
    case LegendEntry::Kind::kBar:
      DrawBarPart(svg, entry.style, x, y - 5, kKeyWidth - 8, 10);
      return;
  }
}

}  // namespace

void DrawXAxis(Markup& svg, const Box& box, const LinearScale& scale, const Ticks& ticks,
               std::string_view label) {
  for (size_t i = 0; i < ticks.values.size(); ++i) {
    const double x = scale(ticks.values[i]);
    DrawLine(svg, "grid", x, box.top, x, box.bottom);
    DrawText(svg, "tick", x, box.bottom + kTickGap + kFontPx, "middle", ticks.labels[i]);
  }
  DrawLine(svg, "axis", box.left, box.bottom, box.right, box.bottom);
  DrawText(svg, "axis-label", (box.left + box.right) / 2, box.bottom + kXAxisHeight - kTickGap, "middle",
           label);
}

void DrawYAxis(Markup& svg, const Box& box, const LinearScale& scale, const Ticks& ticks,
               std::string_view label) {
  for (size_t i = 0; i < ticks.values.size(); ++i) {
    const double y = scale(ticks.values[i]);
    DrawLine(svg, "grid", box.left, y, box.right, y);
    DrawText(svg, "tick", box.left - kTickGap, y + kFontPx / 3, "end", ticks.labels[i]);
  }
  DrawText(svg, "axis-label", box.left - YAxisWidth(ticks) + 2, box.top - kYLabelHeight / 2, "start", label);
}

double YAxisWidth(const Ticks& ticks) {
  double widest = 0;
  for (const std::string& label : ticks.labels) widest = std::max(widest, TextWidth(label));
  return widest + kTickGap + 2;
}

double LegendHeight(const std::vector<LegendEntry>& entries, double width) {
  return entries.empty() ? 0 : LayOut(entries, width).back().y + kLineHeight;
}

void DrawLegend(Markup& svg, const std::vector<LegendEntry>& entries, double left, double top, double width) {
  const std::vector<Placed> places = LayOut(entries, width);
  for (size_t i = 0; i < entries.size(); ++i) {
    const double x = left + places[i].x, y = top + places[i].y + kLineHeight / 2;
    DrawKey(svg, entries[i], x, y);
    DrawText(svg, "legend", x + kKeyWidth, y + kFontPx / 3, "start", entries[i].name);
  }
}

}  // namespace kvscope
