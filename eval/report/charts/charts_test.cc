#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/report/charts/label_layout.h"
#include "eval/report/charts/line_chart.h"
#include "eval/report/charts/row_chart.h"
#include "eval/report/charts/scale.h"
#include "eval/report/charts/scatter_chart.h"

namespace kvscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(NiceTicks, AreRoundAndEnclose) {
  EXPECT_THAT(NiceTicks(0, 100, 6).labels, ElementsAre("0", "20", "40", "60", "80", "100"));
  EXPECT_THAT(NiceTicks(0, 1.337, 4).labels, ElementsAre("0.0", "0.5", "1.0", "1.5"));
  EXPECT_THAT(NiceTicks(-3, 4, 3).labels, ElementsAre("-5", "0", "5"));
  for (const auto& [low, high] : {std::pair{0.0, 1e-9},
                                  {0.098, 0.131},
                                  {7e11, 9e11},
                                  {5.0, 5.0},
                                  {0.0, 0.0},
                                  {0.0, 5e-324},
                                  {0.0, 1e300}}) {
    const Ticks ticks = NiceTicks(low, high, 6);
    EXPECT_LE(ticks.values.front(), low);
    EXPECT_GE(ticks.values.back(), high);
    EXPECT_GE(ticks.values.size(), 2u);
    EXPECT_LE(ticks.values.size(), 14u);
  }
}

TEST(LinearScale, TurnsOverAndClamps) {
  const LinearScale y(0, 100, 200, 0);
  EXPECT_EQ(y(25), 150);
  EXPECT_EQ(y.Clamped(120), 0);
  EXPECT_EQ(y.Clamped(-3), 200);
}

TEST(LabelLayout, CoversNothingAndGivesUpWhenThereIsNoRoom) {
  LabelLayout layout({0, 0, 200, 40});
  std::vector<Box> placed;
  int without = 0;
  for (int i = 0; i < 12; ++i) {
    const auto place = layout.Place(100, 20, 60);
    if (!place) {
      ++without;
      continue;
    }
    const double left = place->anchor == "start" ? place->x
                        : place->anchor == "end" ? place->x - 60
                                                 : place->x - 30;
    const Box box = {left, place->y - 8, left + 60, place->y + 2};
    EXPECT_GE(box.left, 0);
    EXPECT_LE(box.right, 200);
    for (const Box& other : placed)
      EXPECT_FALSE(box.left < other.right && other.left < box.right && box.top < other.bottom &&
                   other.top < box.bottom);
    placed.push_back(box);
  }
  EXPECT_GT(placed.size(), 1u);
  EXPECT_GT(without, 0);
}

TEST(ScatterChart, IsAPictureWithAName) {
  ScatterChart chart;
  chart.text = {"g1-x", "A <title>", "What it shows"};
  chart.x_label = "bytes";
  chart.points = {{.x = 1, .y = 50, .half_width = 70, .label = "one", .on_front = true},
                  {.x = 1, .y = 20, .label = "two"}};
  chart.legend = {{"method", SeriesStyle::Of(0)}};
  Markup out;
  Draw(chart, out);
  EXPECT_THAT(out.text(),
              AllOf(HasSubstr("role=\"img\""), HasSubstr("aria-labelledby=\"g1-x-title g1-x-desc\""),
                    HasSubstr("<title id=\"g1-x-title\">A &lt;title&gt;</title>"), HasSubstr(">one</text>"),
                    HasSubstr("mark series-0 hollow"), Not(HasSubstr("nan"))));
}

TEST(LineChart, BreaksWhereAValueIsMissing) {
  LineChart chart;
  chart.classes = {"1", "2", "3", "4"};
  chart.series = {
      {"a", SeriesStyle::Of(0), {MeanInterval{10}, std::nullopt, MeanInterval{30}, MeanInterval{40, 200}}}};
  Markup out;
  Draw(chart, out);
  const size_t path = out.text().find("class=\"series series-0\" d=\"");
  ASSERT_NE(path, std::string::npos);
  const std::string d = out.text().substr(path, out.text().find("/>", path) - path);
  EXPECT_EQ(std::ranges::count(d, 'M'), 2) << d;
  EXPECT_EQ(std::ranges::count(d, 'L'), 1) << d;
}

TEST(LineChart, OneClassIsEnough) {
  LineChart chart;
  chart.classes = {"1"};
  chart.series = {{"a", SeriesStyle::Of(0), {MeanInterval{10}}}, {"b", kReferenceStyle, {std::nullopt}}};
  Markup out;
  Draw(chart, out);
  EXPECT_THAT(out.text(), AllOf(HasSubstr("<circle"), Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
}

TEST(RowChart, BarsFollowEachOtherAndEmptyPartsAreNotDrawn) {
  RowChart chart;
  chart.series = {"one", "two", "three"};
  chart.rows = {{"run", {MeanInterval{1}, MeanInterval{0}, MeanInterval{3}}}};
  Markup out;
  DrawBars(chart, out);
  const std::string& text = out.text();
  EXPECT_THAT(text, HasSubstr("bar series-0"));
  // The legend has every part, the row those that there are.
  size_t bars = 0;
  for (size_t at = text.find("class=\"bar "); at != std::string::npos; at = text.find("class=\"bar ", at + 1))
    ++bars;
  EXPECT_EQ(bars, 3u + 2u);
}

TEST(RowChart, AllZeroIsAPicture) {
  RowChart chart;
  chart.series = {"one"};
  chart.rows = {{"run", {MeanInterval{0}}}, {"other", {std::nullopt}}};
  Markup out;
  DrawBars(chart, out);
  DrawDots(chart, out);
  EXPECT_THAT(out.text(), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace kvscope
