// Colours of a report, for a light and a dark screen. Series are told apart by colour and by shape; the
// colours hold for the common kinds of colour blindness, and text has the contrast of WCAG 2.2 AA
// (palette_test.cc).
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace kvscope {

inline constexpr int kSeriesColors = 7;
inline constexpr int kHeatColors = 6;

// "#rrggbb" each.
struct Palette {
  std::string_view background;
  std::string_view surface;  // behind figures and tables
  std::string_view text;
  std::string_view muted;  // secondary text
  std::string_view line;   // rules and grids: decoration only
  std::string_view link;
  std::string_view warning;
  std::string_view warning_surface;
  std::string_view reference;                          // marks of the uncompressed run
  std::array<std::string_view, kSeriesColors> series;  // marks
  std::array<std::string_view, kHeatColors> heat;      // behind text, from the worst value to the best
};

const Palette& LightPalette();
const Palette& DarkPalette();

// The palette as CSS custom properties: "--background:#ffffff;...--series-0:...;--heat-0:...".
std::string CssProperties(const Palette& palette);

}  // namespace kvscope
