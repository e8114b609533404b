#include "eval/compare/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/compare/compare_runs.h"
#include "eval/compare/comparison_text.h"
#include "eval/compare/junit.h"
#include "eval/compare/testing_runs.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<int> kBase = {5, 6, 4, 7, 5, 6, 5, 4};

Comparison Compare(const std::vector<JudgedRun>& base, const std::vector<JudgedRun>& candidate) {
  const auto comparison = CompareRuns(base, candidate, false, {});
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return comparison.ok() ? *comparison : Comparison();
}

GateOutcome Outcome(const json& policy, const JudgedRun& base, const JudgedRun& candidate) {
  json whole = policy;
  whole["schema"] = 1;
  whole["name"] = "test";
  const auto parsed = GatePolicyFromJson(whole, "policy.json");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return CheckGate(Compare({base}, {candidate}), *parsed).Outcome();
}

TEST(GatePolicy, BuiltInOnesCanBeRead) {
  for (const std::string& name : GatePolicyNames()) {
    const auto policy = LoadGatePolicy(name);
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(policy->name, name);
    EXPECT_TRUE(policy->complete);
    EXPECT_TRUE(policy->kv_bytes.has_value());
  }
  EXPECT_EQ(LoadGatePolicy("none.json").status().code(), absl::StatusCode::kNotFound);
}

TEST(GatePolicy, ErrorsNameFileFieldExpectedAndFound) {
  const json good = {{"schema", 1},
                     {"name", "p"},
                     {"complete", true},
                     {"outputs", "identical"},
                     {"accuracy", {{"margin_points", 1}}},
                     {"kv_bytes", {{"at_most_ratio", 1}}},
                     {"latency", {{"metric", "ttft"}, {"at_most_ratio", 1}}},
                     {"finish", {{"max_error", 0}}}};
  ASSERT_TRUE(GatePolicyFromJson(good, "p.json").ok());
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  const Case cases[] = {
      {"/schema", 2, "p.json: field 'schema': expected 1, found 2"},
      {"/acuracy", 2, "p.json: field 'acuracy': expected one of schema, name, about, complete"},
      {"/name", 2, "p.json: field 'name': expected a string, found 2"},
      {"/complete", "yes", "p.json: field 'complete'"},
      {"/outputs", "similar", "p.json: field 'outputs': expected \"identical\", found \"similar\""},
      {"/accuracy", 3, "p.json: accuracy"},
      {"/accuracy/margin", 3, "accuracy: field 'margin'"},
      {"/accuracy/margin_points", -1, "field 'margin_points': expected a number from 0 to 100, found -1"},
      {"/accuracy/alpha", 0.7, "field 'alpha': expected a number between 0 and 0.5, found 0.7"},
      {"/kv_bytes", "exactly", "field 'kv_bytes': expected \"exact\" or an object"},
      {"/kv_bytes/at_most_ratio", 0, "field 'at_most_ratio': expected a number above 0, found 0"},
      {"/latency/metric", "p50", "field 'metric': expected one of ttft, step_p50, step_p99, total"},
      {"/latency/at_most_ratio", "x", "field 'at_most_ratio': expected a number"},
      {"/finish/max_errors", 1, "finish: field 'max_errors'"},
      {"/finish/more_overrun_alpha", 0.5, "field 'more_overrun_alpha': expected a number between 0 and 0.5"},
      {"/finish/max_error", -1, "field 'max_error': expected a number of samples from 0, found -1"}};
  for (const Case& c : cases) {
    json policy = good;
    policy[json::json_pointer(c.pointer)] = c.value;
    const absl::Status status = GatePolicyFromJson(policy, "p.json").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.pointer;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.pointer;
  }
  EXPECT_FALSE(GatePolicyFromJson(json::array(), "p.json").ok());
}

TEST(Gate, ARunAgainstItselfPassesEveryBuiltInPolicyThatNeedsNoTimes) {
  const JudgedRun run = MakeRun("a", kBase);
  for (const char* name : {"identical", "regression"})
    EXPECT_EQ(CheckGate(Compare({run}, {run}), *LoadGatePolicy(name)).Outcome(), GateOutcome::kPass) << name;
  EXPECT_EQ(CheckGate(Compare({run}, {run}), *LoadGatePolicy("timed")).Outcome(), GateOutcome::kIncomplete);
}

TEST(Gate, AccuracyPassesFailsOrCannotTell) {
  const JudgedRun base = MakeRun("a", kBase);
  const json policy = {{"accuracy", {{"margin_points", 5}}}};
  EXPECT_EQ(Outcome(policy, base, MakeRun("b", {6, 6, 4, 7, 6, 6, 5, 4})), GateOutcome::kPass);
  EXPECT_EQ(Outcome(policy, base, MakeRun("b", {2, 2, 1, 3, 1, 2, 2, 0})), GateOutcome::kFail);
  EXPECT_EQ(Outcome(policy, base, MakeRun("b", {9, 1, 4, 7, 5, 6, 5, 4})), GateOutcome::kInconclusive);
  EXPECT_EQ(Outcome(policy, MakeRun("a", {5}), MakeRun("b", {5})), GateOutcome::kIncomplete);
  EXPECT_EQ(Outcome({{"accuracy", {{"margin_points", 0}}}}, base, base), GateOutcome::kPass);
}

TEST(Gate, AFailureIsShownAtALevelForTheGrid) {
  // t interval of -1.2 -+ t: fails alone, not as one of twenty cells.
  const PairedMean points = {.clusters = 8, .mean = -10, .standard_deviation = 10, .standard_error = 3.54};
  const AccuracyRule rule = {.margin_points = 3};
  EXPECT_EQ(JudgeAccuracy(points, rule, 1), GateOutcome::kFail);
  EXPECT_EQ(JudgeAccuracy(points, rule, 20), GateOutcome::kInconclusive);
}

TEST(Gate, KvBytes) {
  const JudgedRun base = MakeRun("a", kBase);
  JudgedRun less = base;
  for (JudgedSample& sample : less.samples) sample.record.kv->peak_bytes = 500;
  EXPECT_EQ(Outcome({{"kv_bytes", "exact"}}, base, base), GateOutcome::kPass);
  EXPECT_EQ(Outcome({{"kv_bytes", "exact"}}, base, less), GateOutcome::kFail);
  EXPECT_EQ(Outcome({{"kv_bytes", {{"at_most_ratio", 0.5}}}}, base, less), GateOutcome::kPass);
  EXPECT_EQ(Outcome({{"kv_bytes", {{"at_most_ratio", 1.0}}}}, less, base), GateOutcome::kFail);
  less.samples[0].record.kv.reset();
  EXPECT_EQ(Outcome({{"kv_bytes", "exact"}}, base, less), GateOutcome::kIncomplete);
}

TEST(Gate, Latency) {
  JudgedRun base = MakeRun("a", kBase), slower = base;
  const auto with_times = [](JudgedRun& run, const std::vector<double>& steps) {
    for (size_t i = 0; i < run.samples.size(); ++i)
      run.samples[i].record.time = {.step_p50_s = steps[i % steps.size()]};
  };
  with_times(base, {1});
  const json policy = {{"latency", {{"metric", "step_p50"}, {"at_most_ratio", 1.1}}}};
  with_times(slower, {1.05});
  EXPECT_EQ(Outcome(policy, base, slower), GateOutcome::kPass);
  with_times(slower, {1.2});
  EXPECT_EQ(Outcome(policy, base, slower), GateOutcome::kFail);
  with_times(slower, {0.9, 1.3});
  EXPECT_EQ(Outcome(policy, base, slower), GateOutcome::kInconclusive);
  base.samples.resize(4);
  slower.samples.resize(4);
  EXPECT_EQ(Outcome(policy, base, slower), GateOutcome::kInconclusive) << "too few for an interval";
  EXPECT_EQ(Outcome(policy, base, MakeRun("b", {5, 6, 4, 7})), GateOutcome::kIncomplete);
}

TEST(Gate, FinishOutputsAndComplete) {
  const JudgedRun base = MakeRun("a", kBase);
  JudgedRun candidate = base;
  candidate.samples[0].record.finish = FinishReason::kLength;
  EXPECT_EQ(Outcome({{"finish", {{"max_length_increase", 0}}}}, base, candidate), GateOutcome::kFail);
  EXPECT_EQ(Outcome({{"finish", {{"max_length_increase", 1}, {"max_error", 0}}}}, base, candidate),
            GateOutcome::kPass);
  candidate.samples[1].record.finish = FinishReason::kError;
  EXPECT_EQ(Outcome({{"finish", {{"max_error", 0}}}}, base, candidate), GateOutcome::kFail);
  candidate.samples[1].record.finish.reset();
  EXPECT_EQ(Outcome({{"finish", {{"max_error", 0}}}}, base, candidate), GateOutcome::kIncomplete);
  candidate = base;
  candidate.samples[2].clean.extra_answers = 1;
  EXPECT_EQ(Outcome({{"finish", {{"max_overrun_increase", 0}}}}, base, candidate), GateOutcome::kFail);
  EXPECT_EQ(Outcome({{"finish", {{"more_overrun_alpha", 0.05}}}}, base, candidate), GateOutcome::kPass);
  candidate.samples[2].record.text = "other";
  EXPECT_EQ(Outcome({{"outputs", "identical"}}, base, candidate), GateOutcome::kFail);
  candidate.samples.pop_back();
  EXPECT_EQ(Outcome(json::object(), base, candidate), GateOutcome::kIncomplete);
  EXPECT_EQ(Outcome({{"complete", false}}, base, candidate), GateOutcome::kPass);
}

TEST(Gate, MoreOutputsThatOverrunOrBreakOffFailByASignTestOverPrompts) {
  const JudgedRun base = MakeRun("a", kBase);
  const json overrun = {{"finish", {{"more_overrun_alpha", 0.05}}}};
  const json length = {{"finish", {{"more_length_alpha", 0.05}}}};
  JudgedRun candidate = base;
  const auto worsen = [&](size_t sample) {
    candidate.samples[sample].clean.extra_answers = 1;
    candidate.samples[sample].record.finish = FinishReason::kLength;
  };
  for (size_t i = 0; i < 4; ++i) worsen(i);
  for (const json& policy : {overrun, length}) {
    EXPECT_EQ(Outcome(policy, base, candidate), GateOutcome::kPass) << "4 of 4: p = 1/16";
    EXPECT_EQ(Outcome(policy, candidate, base), GateOutcome::kPass) << "fewer is no worse";
  }
  worsen(4);
  for (const json& policy : {overrun, length})
    EXPECT_EQ(Outcome(policy, base, candidate), GateOutcome::kFail) << "5 of 5: p = 1/32";
  EXPECT_EQ(JudgeIncrease({.questions = 8, .candidate_only = 5}, 0.05, 2), GateOutcome::kPass)
      << "as one of two cells";
  candidate.samples[7].record.finish.reset();
  EXPECT_EQ(Outcome(length, base, candidate), GateOutcome::kIncomplete);
}

TEST(Gate, NothingToCompareIsNoPass) {
  JudgedRun a = MakeRun("a", kBase), b = a, c = a, d = a;
  a.run.config.window = 1;
  b.run.config.window = 2;
  c.run.config.window = 3;
  d.run.config.window = 4;
  const Comparison comparison = Compare({a, b}, {c, d});
  EXPECT_TRUE(comparison.cells.empty());
  EXPECT_EQ(CheckGate(comparison, {.complete = false}).Outcome(), GateOutcome::kIncomplete);
  EXPECT_EQ(CheckGate(comparison, {}).checks.size(), 5) << "and every run without a partner is named";
}

TEST(Gate, TheWorstCheckDecides) {
  GateResult result;
  EXPECT_EQ(result.Outcome(), GateOutcome::kPass);
  for (const GateOutcome outcome :
       {GateOutcome::kInconclusive, GateOutcome::kIncomplete, GateOutcome::kFail, GateOutcome::kPass}) {
    result.checks.push_back({"", "", outcome, ""});
    EXPECT_EQ(result.Outcome(), outcome == GateOutcome::kPass ? GateOutcome::kFail : outcome);
  }
}

TEST(JUnit, CountsAndEscapes) {
  GateResult result{.policy = "p", .checks = {}};
  result.checks = {{"a <\"&> b", "complete", GateOutcome::kPass, "3 prompts"},
                   {"a <\"&> b", "accuracy", GateOutcome::kInconclusive, "spans\nit"},
                   {"a <\"&> b", "kv_bytes", GateOutcome::kFail, "ratio > 1 \x01 \xff"},
                   {"", "complete", GateOutcome::kIncomplete, "no partner"}};
  EXPECT_EQ(ToJUnit(result),
            R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kvscope compare --gate p" tests="4" failures="1" errors="1" skipped="1">
  <testsuite name="a &lt;&quot;&amp;&gt; b" tests="3" failures="1" errors="0" skipped="1">
    <testcase classname="a &lt;&quot;&amp;&gt; b" name="complete"><system-out>pass: 3 prompts</system-out></testcase>
    <testcase classname="a &lt;&quot;&amp;&gt; b" name="accuracy"><skipped message="inconclusive: spans&#10;it"/></testcase>
    <testcase classname="a &lt;&quot;&amp;&gt; b" name="kv_bytes"><failure message="fail: ratio &gt; 1   )"
            "\xef\xbf\xbd"
            R"("/></testcase>
  </testsuite>
  <testsuite name="all cells" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="all cells" name="complete"><error message="incomplete: no partner"/></testcase>
  </testsuite>
</testsuites>
)");
}

TEST(Gate, MarkdownShowsWhatDoesNotPass) {
  const JudgedRun base = MakeRun("a", kBase);
  JudgedRun candidate = MakeRun("b", kBase);
  const auto markdown = [&] {
    const Comparison comparison = Compare({base}, {candidate});
    const GateResult gate = CheckGate(comparison, *LoadGatePolicy("identical"));
    EXPECT_THAT(ToText(comparison, gate), HasSubstr(fmt::format("gate identical: {}", Name(gate.Outcome()))));
    EXPECT_EQ(ToJson(gate)["outcome"], Name(gate.Outcome()));
    return ToMarkdown(comparison, gate);
  };
  const std::string passes = markdown();
  EXPECT_THAT(passes, HasSubstr("gate `identical` **pass**"));
  EXPECT_THAT(passes, HasSubstr("no difference shown; the same outputs"));
  EXPECT_THAT(passes, HasSubstr("6 of 6 checks of the gate pass."));
  EXPECT_THAT(passes, Not(HasSubstr("| gate |")));
  candidate.samples[0].record.kv->peak_bytes = 1;
  const std::string fails = markdown();
  EXPECT_THAT(fails, HasSubstr("gate `identical` **fail**"));
  EXPECT_THAT(fails, HasSubstr("| fail | kv_bytes | arith+ 10 questions, a -> b |"));
  EXPECT_THAT(fails, Not(HasSubstr("| pass |")));
  EXPECT_THAT(fails, Not(HasSubstr("Incomplete")));
}

}  // namespace
}  // namespace kvscope
