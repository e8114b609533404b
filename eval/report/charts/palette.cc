#include "eval/report/charts/palette.h"

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr Palette kLight = {
    .background = "#f6f7f9",
    .surface = "#ffffff",
    .text = "#1a212b",
    .muted = "#55606e",
    .line = "#d5dae1",
    .link = "#1a4ba9",
    .warning = "#7a4300",
    .warning_surface = "#fff4de",
    .reference = "#3d4653",
    .series = {"#1a4ba9", "#902310", "#179e80", "#9c7532", "#846ac3", "#530343", "#047986"},
    .heat = {"#fbf5e6", "#f3ecc9", "#dbe8c3", "#bfe0c4", "#9fd5c4", "#7cc8c5"}};

constexpr Palette kDark = {
    .background = "#14171c",
    .surface = "#1b1f26",
    .text = "#e8ebef",
    .muted = "#a6b0bd",
    .line = "#39414d",
    .link = "#9dbcf5",
    .warning = "#ffd08a",
    .warning_surface = "#33291a",
    .reference = "#c3c9d2",
    .series = {"#5d76ad", "#e07c30", "#71c78f", "#e5c03d", "#aa8ef5", "#b44a6c", "#30a1ab"},
    .heat = {"#2a2622", "#2d2f22", "#273828", "#1f4132", "#174a3f", "#0d534e"}};

}  // namespace

const Palette& LightPalette() { return kLight; }
const Palette& DarkPalette() { return kDark; }

std::string CssProperties(const Palette& palette) {
  std::string css = fmt::format(
      "--background:{};--surface:{};--text:{};--muted:{};--line:{};--link:{};--warning:{};--warning-surface:{"
      "};"
      "--reference:{};",
      palette.background, palette.surface, palette.text, palette.muted, palette.line, palette.link,
      palette.warning, palette.warning_surface, palette.reference);
  for (size_t i = 0; i < palette.series.size(); ++i)
    css += fmt::format("--series-{}:{};", i, palette.series[i]);
  for (size_t i = 0; i < palette.heat.size(); ++i) css += fmt::format("--heat-{}:{};", i, palette.heat[i]);
  return css;
}

}  // namespace kvscope
