#include "eval/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/plan/planned_cell.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> Names(const json& plan, const CellFlags& overrides = {}) {
  const auto cells = ReadPlan(plan, "plan.json", overrides);
  if (!cells.ok()) return {std::string(cells.status().message())};
  std::vector<std::string> names;
  for (const PlannedCell& cell : *cells) names.push_back(cell.name);
  return names;
}

std::string Error(const json& plan) {
  const auto cells = ReadPlan(plan, "plan.json", {});
  EXPECT_EQ(cells.status().code(), absl::StatusCode::kInvalidArgument) << plan;
  return std::string(cells.status().message());
}

// The smallest plan, with more in it.
json PlanWith(const json& more) {
  json plan = {{"model", "arith-tiny"}, {"task", "arith+"}, {"questions", 16}, {"method", "full"}};
  plan.update(more);
  return plan;
}

TEST(Plan, EveryCombinationIsACell) {
  EXPECT_THAT(
      Names(PlanWith({{"method", {"full+slide", "full+h2o"}}, {"window", {64, 128}}, {"recent", 32}})),
      ElementsAre("arith-tiny.arith+.16q.full+slide.W64.R32", "arith-tiny.arith+.16q.full+slide.W128.R32",
                  "arith-tiny.arith+.16q.full+h2o.W64.R32", "arith-tiny.arith+.16q.full+h2o.W128.R32"));
}

TEST(Plan, AFlagThatAMethodDoesNotUseDoesNotMultiplyItsCells) {
  EXPECT_THAT(
      Names(PlanWith({{"method", {"full", "full+none", "snapkv", "full+slide"}},
                      {"window", {64, 128}},
                      {"recent", {16, 32}},
                      {"prefill-budget", {256}}})),
      ElementsAre("arith-tiny.arith+.16q.full", "arith-tiny.arith+.16q.snapkv.C256",
                  "arith-tiny.arith+.16q.full+slide.W64.R16", "arith-tiny.arith+.16q.full+slide.W128.R16",
                  "arith-tiny.arith+.16q.full+slide.W64.R32", "arith-tiny.arith+.16q.full+slide.W128.R32"));
}

TEST(Plan, ACellHasTheValuesOfItsName) {
  const auto cells = ReadPlan(PlanWith({{"method", "snapkv+slide"},
                                        {"window", 64},
                                        {"recent", 32},
                                        {"prefill-budget", 128},
                                        {"limit", 6},
                                        {"timing", true},
                                        {"threads", 1}}),
                              "plan.json", {});
  ASSERT_TRUE(cells.ok()) << cells.status();
  ASSERT_THAT(*cells, SizeIs(1));
  const RunRequest& request = cells->front().request;
  EXPECT_EQ(cells->front().name, "arith-tiny.arith+.16q.limit6.snapkv+slide.C128.W64.R32.timing.threads1");
  EXPECT_EQ(request.window, 64);
  EXPECT_EQ(request.recent, 32);
  EXPECT_EQ(request.prefill_budget, 128);
  EXPECT_EQ(request.limit, 6);
  EXPECT_TRUE(request.timing);
}

TEST(Plan, FillersAreInACellsName) {
  EXPECT_THAT(Names(PlanWith({{"filler", {0, 4, "0.5"}}})),
              ElementsAre("arith-tiny.arith+.16q.full", "arith-tiny.arith+.16q.filler4.full",
                          "arith-tiny.arith+.16q.filler0.5.full"));
}

TEST(Plan, RangesRise) {
  const json times = {{"from", 64}, {"to", 300}, {"times", 2}}, plus = {{"from", 1}, {"to", 7}, {"plus", 3}};
  EXPECT_THAT(
      Names(PlanWith({{"questions", plus}})),
      ElementsAre("arith-tiny.arith+.1q.full", "arith-tiny.arith+.4q.full", "arith-tiny.arith+.7q.full"));
  EXPECT_THAT(Names(PlanWith({{"method", "full+slide"}, {"window", times}, {"recent", 8}})),
              ElementsAre(HasSubstr("W64"), HasSubstr("W128"), HasSubstr("R8")));
}

TEST(Plan, FlagsMayVaryAsOne) {
  const json together = json::parse(R"([{"window": 64, "recent": 32}, {"window": 128, "recent": 64}])");
  EXPECT_THAT(Names(PlanWith({{"method", "full+slide"}, {"together", together}})),
              ElementsAre(HasSubstr("W64.R32"), HasSubstr("W128.R64")));
}

TEST(Plan, WhatIsExcludedIsNoCell) {
  const json exclude = json::parse(R"([{"method": "full+h2o", "window": [64, 128]}, {"window": 256}])");
  EXPECT_THAT(Names(PlanWith({{"method", {"full+slide", "full+h2o"}},
                              {"window", {64, 128, 256, 512}},
                              {"recent", 32},
                              {"exclude", exclude}})),
              ElementsAre(HasSubstr("slide.W64"), HasSubstr("slide.W128"), HasSubstr("slide.R32"),
                          HasSubstr("h2o.R32")));
}

TEST(Plan, GridsHaveWhatIsAroundThem) {
  const json grids = json::parse(R"([{"questions": 8}, {"questions": 16, "method": ["full", "snapkv"]}])");
  EXPECT_THAT(
      Names({{"model", "arith-tiny"}, {"task", "arith+"}, {"method", "full"}, {"grids", grids}}),
      ElementsAre("arith-tiny.arith+.8q.full", "arith-tiny.arith+.16q.full", "arith-tiny.arith+.16q.snapkv"));
}

TEST(Plan, OverridesReplaceWhatThePlanSays) {
  EXPECT_THAT(Names(PlanWith({{"model", {"a", "b"}}, {"limit", 10}}), {{"model", "c"}, {"limit", "2"}}),
              ElementsAre("c.arith+.16q.limit2.full"));
}

TEST(Plan, AModelsPathCannotLeaveTheSweepsFolder) {
  for (const char* model : {"../../etc/passwd", "/a/b/", "..", "a b;c"}) {
    const std::string name = Names(PlanWith({{"model", model}})).front();
    EXPECT_EQ(name.find_first_of("/ ;"), std::string::npos) << name;
    EXPECT_NE(name, "..");
  }
  EXPECT_NE(Names(PlanWith({{"model", "a/m.gguf"}})), Names(PlanWith({{"model", "b/m.gguf"}})));
}

TEST(Plan, ErrorsNameFileAndKey) {
  EXPECT_THAT(Error(json::array()), HasSubstr("plan.json: 'plan': expected an object"));
  EXPECT_THAT(Error(PlanWith({{"widnow", 64}})),
              HasSubstr("plan.json: 'widnow' is no flag of 'kvscope run'"));
  EXPECT_THAT(Error(PlanWith({{"help", true}})), HasSubstr("'help'"));
  EXPECT_THAT(Error(PlanWith({{"out", "x"}})), HasSubstr("'out'"));
  EXPECT_THAT(Error(PlanWith({{"method", "full+slid"}})), HasSubstr("slid"));
  EXPECT_THAT(Error(PlanWith({{"questions", "many"}})), HasSubstr("questions"));
  EXPECT_THAT(Error(PlanWith({{"questions", 2.5}})), AllOf(HasSubstr("'questions'"), HasSubstr("found 2.5")));
  EXPECT_THAT(Error(PlanWith({{"window", json::array()}})), HasSubstr("'window'"));
  EXPECT_THAT(Error(PlanWith({{"window", nullptr}})), HasSubstr("found null"));
  EXPECT_THAT(Error(PlanWith({{"exclude", {{"window", 64}}}})), HasSubstr("'exclude'"));
  EXPECT_THAT(Error(PlanWith({{"exclude", {{{"questions", 16}}}}})), HasSubstr("no cells"));
  EXPECT_THAT(Error(PlanWith({{"grids", {1}}})), HasSubstr("'grids'"));
  EXPECT_THAT(Error(PlanWith({{"together", {{{"window", 64}}, {{"recent", 32}}}}})), HasSubstr("same flags"));
  EXPECT_THAT(Error(PlanWith({{"window", 64}, {"together", {{{"window", 64}}}}})), HasSubstr("elsewhere"));
  EXPECT_THAT(Error({{"model", "arith-tiny"}, {"questions", 16}, {"method", "full"}}), HasSubstr("--task"));
}

TEST(Plan, RangesThatDoNotEndAreRefused) {
  for (const char* range : {R"({"from": 0, "to": 8, "times": 2})", R"({"from": 1, "to": 8, "times": 1})",
                            R"({"from": 1, "to": 8, "plus": 0})", R"({"from": 8, "to": 1, "plus": 1})",
                            R"({"from": 1, "to": 8, "plus": 1, "times": 2})", R"({"from": 1, "to": 8})",
                            R"({"from": 1, "to": 9999999999, "plus": 1})"})
    EXPECT_THAT(Error(PlanWith({{"questions", json::parse(range)}})), HasSubstr("'questions'")) << range;
  const json wide = {{"from", 1}, {"to", 1000}, {"plus", 1}};
  EXPECT_THAT(Error(PlanWith({{"questions", wide}, {"seed", wide}})), HasSubstr("at most 100000 cells"));
}

// What a plan of a few hundred bytes can ask for is bounded before the memory is taken.
TEST(Plan, RangesThatMultiplyAreRefusedBeforeTheyAreExpanded) {
  const json widest = {{"from", 1}, {"to", 100'000}, {"plus", 1}};
  json plan = PlanWith(json::object());
  for (int i = 0; i < 1000; ++i) plan[fmt::format("flag{}", i)] = widest;
  EXPECT_THAT(Error(plan), HasSubstr("at most 100000 cells"));
  const json exclude(1000, json{{"window", widest}});
  EXPECT_THAT(Error(PlanWith({{"exclude", exclude}})),
              HasSubstr("'exclude': expected at most 100000 values"));
}

}  // namespace
}  // namespace kvscope
