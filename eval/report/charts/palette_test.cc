// The palette by numbers: contrast as WCAG 2.2 defines it, and the distance of colours as people with the
// common kinds of colour blindness see them.
#include "eval/report/charts/palette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "eval/report/charts/mark.h"

namespace kvscope {
namespace {

constexpr double kTextContrast = 4.5;      // WCAG 1.4.3, AA
constexpr double kGraphicsContrast = 3.0;  // WCAG 1.4.11, AA

using Color = std::array<double, 3>;  // linear sRGB
using Matrix = std::array<Color, 3>;

Color Linear(std::string_view hex) {
  Color color;
  for (size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(std::string(hex.substr(1 + 2 * i, 2)), nullptr, 16) / 255.0;
    color[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return color;
}

double Contrast(std::string_view a, std::string_view b) {
  const auto luminance = [](std::string_view hex) {
    const Color c = Linear(hex);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  };
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

Color Multiply(const Matrix& matrix, const Color& color) {
  Color out{};
  for (size_t row = 0; row < 3; ++row)
    for (size_t i = 0; i < 3; ++i) out[row] += matrix[row][i] * color[i];
  return out;
}

// Normal sight, protanopia, deuteranopia, tritanopia (Machado, Oliveira and Fernandes 2009, severity 1).
constexpr std::array<Matrix, 4> kSights = {
    {{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
     {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
     {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
     {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}}}};

// Oklab (Ottosson 2020), where equal distances look about equally large.
Color Oklab(const Color& linear) {
  Color lms = Multiply({{{0.4122214708, 0.5363325363, 0.0514459929},
                         {0.2119034982, 0.6806995451, 0.1073969566},
                         {0.0883024619, 0.2817188376, 0.6299787005}}},
                       linear);
  for (double& value : lms) value = std::cbrt(value);
  return Multiply({{{0.2104542553, 0.7936177850, -0.0040720468},
                    {1.9779984951, -2.4285922050, 0.4505937099},
                    {0.0259040371, 0.7827717662, -0.8086757660}}},
                  lms);
}

// As the sight that tells the two least apart sees it.
double Distance(std::string_view a, std::string_view b) {
  double least = 1;
  for (const Matrix& sight : kSights) {
    const auto seen = [&](std::string_view hex) {
      Color color = Multiply(sight, Linear(hex));
      for (double& value : color) value = std::clamp(value, 0.0, 1.0);
      return Oklab(color);
    };
    const Color first = seen(a), second = seen(b);
    least = std::min(least, std::hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]));
  }
  return least;
}

class PaletteTest : public ::testing::TestWithParam<const Palette*> {};

TEST_P(PaletteTest, TextIsReadable) {
  const Palette& palette = *GetParam();
  for (const std::string_view behind : {palette.background, palette.surface}) {
    EXPECT_GE(Contrast(palette.text, behind), kTextContrast);
    EXPECT_GE(Contrast(palette.muted, behind), kTextContrast);
    EXPECT_GE(Contrast(palette.link, behind), kTextContrast);
  }
  EXPECT_GE(Contrast(palette.text, palette.warning_surface), kTextContrast);
  EXPECT_GE(Contrast(palette.warning, palette.warning_surface), kTextContrast);
  EXPECT_GE(Contrast(palette.link, palette.warning_surface), kTextContrast);
  for (const std::string_view behind : palette.heat)
    EXPECT_GE(Contrast(palette.text, behind), kTextContrast) << behind;
}

TEST_P(PaletteTest, MarksStandOut) {
  const Palette& palette = *GetParam();
  EXPECT_GE(Contrast(palette.reference, palette.surface), kGraphicsContrast);
  for (const std::string_view color : palette.series)
    EXPECT_GE(Contrast(color, palette.surface), kGraphicsContrast) << color;
}

TEST_P(PaletteTest, SeriesAreToldApartByEverySight) {
  // About four times what people just notice beside each other.
  constexpr double kClearlyApart = 0.08;
  std::vector<std::string_view> colors(GetParam()->series.begin(), GetParam()->series.end());
  colors.push_back(GetParam()->reference);
  for (size_t i = 0; i < colors.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_GE(Distance(colors[i], colors[j]), kClearlyApart) << colors[i] << " and " << colors[j];
}

TEST_P(PaletteTest, HeatGoesOneWay) {
  const auto lightness = [](std::string_view hex) { return Oklab(Linear(hex))[0]; };
  const auto& heat = GetParam()->heat;
  const bool rises = lightness(heat.back()) > lightness(heat.front());
  for (size_t i = 1; i < heat.size(); ++i)
    EXPECT_EQ(lightness(heat[i]) > lightness(heat[i - 1]), rises) << heat[i];
}

INSTANTIATE_TEST_SUITE_P(LightAndDark, PaletteTest, ::testing::Values(&LightPalette(), &DarkPalette()));

TEST(Contrast, IsThatOfTheDefinition) {
  EXPECT_NEAR(Contrast("#000000", "#ffffff"), 21, 1e-9);
  EXPECT_NEAR(Contrast("#777777", "#ffffff"), 4.48, 0.005) << "the usual example of a grey that just fails";
}

TEST(Palette, EveryColourIsAProperty) {
  const std::string css = CssProperties(LightPalette());
  EXPECT_THAT(css, ::testing::HasSubstr("--background:#"));
  EXPECT_THAT(css, ::testing::HasSubstr("--series-6:#"));
  EXPECT_THAT(css, ::testing::HasSubstr("--heat-5:#"));
}

TEST(SeriesStyle, DiffersInShapeWhereColoursRunOut) {
  std::set<std::pair<int, int>> styles;
  for (int i = 0; i < kSeriesColors * kShapes; ++i) {
    const SeriesStyle style = SeriesStyle::Of(i);
    EXPECT_TRUE(styles.insert({style.color, style.shape}).second) << i;
  }
  for (int i = 1; i < kSeriesColors; ++i) EXPECT_NE(SeriesStyle::Of(i).shape, SeriesStyle::Of(i - 1).shape);
}

}  // namespace
}  // namespace kvscope
