#include "eval/compare/compare_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/compare/comparison_json.h"
#include "eval/compare/comparison_text.h"
#include "eval/compare/testing_runs.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Comparison Compare(const JudgedRun& base, const JudgedRun& candidate, const CompareOptions& options = {}) {
  const auto comparison = CompareRuns({&base, 1}, {&candidate, 1}, false, options);
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return comparison.ok() ? *comparison : Comparison();
}

CellComparison CompareOne(const JudgedRun& base, const JudgedRun& candidate,
                          const CompareOptions& options = {}) {
  const Comparison comparison = Compare(base, candidate, options);
  return comparison.cells.empty() ? CellComparison() : comparison.cells[0];
}

TEST(CompareRuns, SaysBetterAndWorse) {
  const JudgedRun low = MakeRun("a", {2, 3, 1, 4, 2, 3, 2}), high = MakeRun("b", {5, 6, 5, 6, 6, 5, 7});
  const CellComparison cell = CompareOne(low, high);
  EXPECT_EQ(cell.verdict, DifferenceVerdict::kBetter);
  EXPECT_EQ(cell.prompts, 7);
  EXPECT_EQ(cell.outputs_that_differ, 7);
  EXPECT_NEAR(cell.accuracy.points, 100.0 * 23 / 70, 1e-9);
  EXPECT_NEAR(cell.accuracy.points, 100 * (cell.candidate.accuracy->accuracy - cell.base.accuracy->accuracy),
              1e-9);
  EXPECT_EQ(cell.accuracy.sign_flip_p, 2.0 / 128);
  EXPECT_EQ(cell.accuracy.discordant.candidate_only, 23);
  EXPECT_EQ(cell.accuracy.discordant.base_only, 0);
  EXPECT_LT(cell.accuracy.t_interval->low, cell.accuracy.points);
  EXPECT_GT(cell.accuracy.bootstrap_interval->low, 0);
  EXPECT_EQ(CompareOne(high, low).verdict, DifferenceVerdict::kWorse);
}

TEST(CompareRuns, WithoutADifferenceItSaysWhatItCouldHaveSeen) {
  const CellComparison cell = CompareOne(MakeRun("a", {2, 6, 5}), MakeRun("b", {5, 3, 6}));
  EXPECT_EQ(cell.verdict, DifferenceVerdict::kNoDifferenceShown);
  // Differences of 30, -30 and 10 points: standard deviation 30.55.
  EXPECT_GT(cell.accuracy.detectable_points.value(), 30.55);
  EXPECT_FALSE(cell.accuracy.equivalence_p.has_value());
}

TEST(CompareRuns, EquivalentTakesAMargin) {
  const JudgedRun base = MakeRun("a", {5, 5, 5, 5, 5, 5}), candidate = MakeRun("b", {5, 6, 5, 4, 5, 5});
  EXPECT_EQ(CompareOne(base, candidate, {.margin_points = 10}).verdict, DifferenceVerdict::kEquivalent);
  EXPECT_EQ(CompareOne(base, candidate, {.margin_points = 1}).verdict, DifferenceVerdict::kNoDifferenceShown);
}

TEST(CompareRuns, TheGridIsHolmAdjusted) {
  std::vector<JudgedRun> base, candidate;
  for (const int window : {1, 2, 3, 4}) {
    base.push_back(MakeRun("a", {2, 3, 1, 4, 2, 3}));
    candidate.push_back(MakeRun("b", {5, 6, 5, 6, 6, 5}));
    base.back().run.config.window = candidate.back().run.config.window = window;
  }
  const auto comparison = CompareRuns(base, candidate, false, {});
  ASSERT_THAT(comparison->cells, SizeIs(4));
  for (const CellComparison& cell : comparison->cells) {
    EXPECT_EQ(cell.accuracy.sign_flip_p, 2.0 / 64);
    EXPECT_EQ(cell.accuracy.adjusted_p, 8.0 / 64);
    EXPECT_EQ(cell.verdict, DifferenceVerdict::kNoDifferenceShown);
  }
}

TEST(CompareRuns, UnequalPromptsWeighByTheirQuestions) {
  JudgedRun base = MakeRun("a", {5, 5}), candidate = MakeRun("b", {5, 9});
  base.samples[0].clean.questions.resize(4);  // all right
  candidate.samples[0].clean.questions.resize(4);
  const CellComparison cell = CompareOne(base, candidate);
  EXPECT_EQ(cell.accuracy.questions, 14);
  EXPECT_NEAR(cell.accuracy.points, 100.0 * 4 / 14, 1e-9);
  EXPECT_NEAR(cell.accuracy.paired->mean, cell.accuracy.points, 1e-9);
}

TEST(CompareRuns, RefusesWhatIsNotComparableUnlessTold) {
  const JudgedRun base = MakeRun("a", {5, 5});
  JudgedRun candidate = MakeRun("b", {5, 5});
  candidate.run.config.semantics = "published";
  candidate.run.data_sha256 = "other";
  const auto refused = CompareRuns({&base, 1}, {&candidate, 1}, false, {.allow = {"data"}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("`--allow semantics` compares them all the same"));
  const CellComparison cell = CompareOne(base, candidate, {.allow = {"data", "semantics"}});
  EXPECT_THAT(cell.mismatches, SizeIs(2));
  candidate.run.config.task = "mmlu+";
  EXPECT_FALSE(CompareRuns({&base, 1}, {&candidate, 1}, false, {.allow = {"data", "semantics"}}).ok());
}

TEST(CompareRuns, UnpairedSamplesAndPartialRunsAreGaps) {
  const JudgedRun base = MakeRun("a", {5, 5, 5});
  JudgedRun candidate = MakeRun("b", {5, 5});
  candidate.run.status = RunStatus::kPartial;
  candidate.run.reason = "interrupted";
  candidate.problems = {"b/samples.jsonl:3: torn"};
  candidate.samples[1].record.prompt_sha256 = "another";
  const Comparison comparison = Compare(base, candidate);
  const CellComparison& cell = comparison.cells[0];
  EXPECT_EQ(cell.prompts, 1);
  EXPECT_FALSE(comparison.IsComplete());
  EXPECT_THAT(cell.gaps, ElementsAre("b: the run is partial: interrupted", "b/samples.jsonl:3: torn",
                                     "2 samples are in the base only: s/001, s/002",
                                     "1 samples are in the candidate only: s/001"));
  EXPECT_FALSE(cell.accuracy.t_interval.has_value());
  EXPECT_EQ(cell.verdict, DifferenceVerdict::kNoDifferenceShown);
}

TEST(CompareRuns, NothingInCommonIsNoCrash) {
  const Comparison comparison = Compare(MakeRun("a", {}), MakeRun("b", {}));
  EXPECT_THAT(comparison.cells[0].gaps, Contains("no sample is in both runs"));
  EXPECT_FALSE(comparison.cells[0].kv.has_value());
  EXPECT_TRUE(ToJson(comparison)["cells"][0]["base"]["accuracy"].is_null());
  EXPECT_THAT(ToText(comparison, std::nullopt), HasSubstr("no sample is in both runs"));
}

TEST(CompareRuns, CacheBytesAreComparedExactly) {
  const JudgedRun base = MakeRun("a", {5, 5});
  JudgedRun candidate = base;
  EXPECT_EQ(CompareOne(base, candidate).kv->samples_that_differ, 0);
  candidate.samples[0].record.kv->peak_bytes = 500;
  const CellComparison cell = CompareOne(base, candidate);
  EXPECT_EQ(cell.kv->samples_that_differ, 1);
  EXPECT_EQ(cell.kv->Ratio(), 0.75);
  EXPECT_EQ(cell.outputs_that_differ, 0);
  candidate.samples[1].record.kv.reset();
  EXPECT_FALSE(CompareOne(base, candidate).kv.has_value()) << "one record does not say";
}

TEST(CompareRuns, TimesOfSamplesWhereThereAreNoRepetitions) {
  JudgedRun base = MakeRun("a", {5, 5, 5, 5, 5, 5}), candidate = base;
  EXPECT_THAT(CompareOne(base, candidate).latency, IsEmpty());
  for (size_t i = 0; i < base.samples.size(); ++i) {
    base.samples[i].record.time = {.prefill_s = 1, .decode_s = 2, .step_p50_s = 0.1 * (i + 1)};
    candidate.samples[i].record.time = {.prefill_s = 1, .decode_s = 2, .step_p50_s = 0.2 * (i + 1)};
  }
  const auto latency = CompareOne(base, candidate).latency;
  ASSERT_THAT(latency, SizeIs(3)) << "step_p99 is 0 throughout";
  EXPECT_EQ(latency[1].times.metric, "step_p50");
  EXPECT_EQ(latency[1].times.unit, "sample");
  EXPECT_NEAR(latency[1].ratio.ratio, 2, 1e-9);
  EXPECT_NEAR(latency[1].ratio.interval->low, 2, 1e-9);
  EXPECT_NEAR(latency[2].ratio.ratio, 1, 1e-9);
  candidate.run.machine = {{"cpu", "another"}};
  const CellComparison elsewhere = CompareOne(base, candidate);
  EXPECT_THAT(elsewhere.latency, IsEmpty());
  EXPECT_THAT(elsewhere.differences, Contains(HasSubstr("times are not compared")));
}

TEST(CompareLatency, ARepetitionIsOnePair) {
  RunTimes base, candidate;
  for (int repetition = 0; repetition < 6; ++repetition) {
    const double slow = repetition == 3 ? 4 : 1;  // the machine was busy: both runs see it
    for (const char* sample : {"a", "b"}) {
      base[{repetition, sample}] = {.step_p50_s = slow};
      candidate[{repetition, sample}] = {.step_p50_s = (sample[0] == 'a' ? 1.0 : 4.0) * slow};
    }
  }
  candidate[{9, "a"}] = {.step_p50_s = 100};  // the base has none
  const auto latency = CompareLatency(base, candidate);
  ASSERT_THAT(latency, SizeIs(1));
  EXPECT_EQ(latency[0].unit, "repetition");
  EXPECT_THAT(latency[0].log_ratios, testing::Each(testing::DoubleNear(std::log(2), 1e-12)));
  EXPECT_THAT(latency[0].log_ratios, SizeIs(6));
  base.erase({5, "a"});
  base.erase({5, "b"});
  EXPECT_EQ(CompareLatency(base, candidate)[0].unit, "sample") << "five repetitions give no interval";
}

TEST(ComparisonText, SaysTheSameInJsonTextAndMarkdown) {
  const Comparison comparison =
      Compare(MakeRun("a|b", {2, 3, 1, 4, 2, 3}), MakeRun("c", {5, 6, 5, 6, 6, 5}), {.margin_points = 3});
  const nlohmann::json cell = ToJson(comparison)["cells"][0];
  EXPECT_EQ(cell["verdict"], "better");
  EXPECT_EQ(cell["accuracy"]["difference_points"], 30);
  EXPECT_EQ(cell["accuracy"]["sign_flip_p"], 2.0 / 64);
  EXPECT_EQ(cell["base"]["accuracy"]["percent"], 25);
  EXPECT_EQ(cell["differences"], nlohmann::json({"method: a|b -> c"}));
  EXPECT_EQ(ToJson(comparison)["options"]["seed"], 1);
  const std::string text = ToText(comparison, std::nullopt);
  EXPECT_THAT(text, HasSubstr("arith+ 10 questions, a|b -> c: better"));
  EXPECT_THAT(text, HasSubstr("+30.00 points"));
  EXPECT_THAT(text, HasSubstr("non-inferiority p"));
  const std::string markdown = ToMarkdown(comparison, std::nullopt);
  EXPECT_THAT(markdown, HasSubstr("| arith+ 10 questions, a\\|b -> c | 25.00 % | 55.00 % | +30.00 ["));
}

TEST(CompareRuns, IsTheSameEveryTime) {
  const JudgedRun base = MakeRun("a", {2, 3, 1, 4, 2, 3}), candidate = MakeRun("b", {5, 1, 5, 6, 6, 5});
  EXPECT_EQ(DumpJson(ToJson(Compare(base, candidate))), DumpJson(ToJson(Compare(base, candidate))));
}

}  // namespace
}  // namespace kvscope
