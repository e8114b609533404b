#include "eval/verify/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "eval/score/prompt_file.h"
#include "eval/testing/published_results.h"
#include "eval/testing/run_program.h"
#include "eval/verify/alike_claims.h"
#include "eval/verify/check_claims.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

json SomeClaims() {
  const json claim = {{"id", "t1/h2o+slide"},
                      {"model", "llama"},
                      {"task", "gsm8k+"},
                      {"length", "4k"},
                      {"method", "h2o+slide"},
                      {"prefill_budget", 2048},
                      {"window", 512},
                      {"recent", 256},
                      {"semantics", "published"},
                      {"variant", "published"},
                      {"samples", 2},
                      {"scorer", "published"},
                      {"value", 75.0},
                      {"tolerance", 0.01},
                      {"source", {{"table", "1"}, {"row", "slide"}, {"column", "GSM8K+"}}}};
  return {{"schema", 1},
          {"name", "some"},
          {"title", "Some paper"},
          {"url", "https://example.org"},
          {"read_from", "nowhere"},
          {"models", {{"llama", {"llama", "meta-llama"}}}},
          {"claims", {claim}},
          {"missing", json::array()}};
}

RunConfig SomeConfig() {
  RunConfig config;
  config.model = "meta-llama";
  config.task = "gsm8k+";
  config.length = "4k";
  config.method = "h2o+slide";
  config.prefill_budget = 2048;
  config.window = 512;
  config.recent = 256;
  config.semantics = "published";
  config.source = "scope:0";
  return config;
}

// Two samples of two questions. The first is all right; of the second, `right` answers.
JudgedRun SomeRun(int right) {
  JudgedRun run;
  run.folder = "r";
  run.run.config = SomeConfig();
  run.run.status = RunStatus::kComplete;
  for (const int correct : {2, right}) {
    JudgedSample& sample = run.samples.emplace_back();
    sample.record.sample = fmt::format("{}", run.samples.size());
    sample.prompt.variant = "published";
    for (int i = 0; i < 2; ++i)
      sample.published.questions.emplace_back().verdict = i < correct ? Verdict::kCorrect : Verdict::kWrong;
  }
  return run;
}

ClaimResult Check(const json& claims, const std::vector<JudgedRun>& runs) {
  return CheckClaims(*ClaimSetFromJson(claims, "claims.json"), runs).at(0);
}

TEST(ClaimSet, BuiltInOneHoldsTheCellsOfTables1And2) {
  const auto set = LoadClaimSet("scope_acl2025");
  ASSERT_TRUE(set.ok()) << set.status();
  std::map<std::string, int> by_table;
  int files_agree = 0;
  std::vector<std::string> files_disagree;
  for (const Claim& claim : set->claims) {
    ++by_table[claim.source.table];
    if (!claim.file_value) continue;
    if (std::abs(*claim.file_value - claim.value) <= claim.tolerance)
      ++files_agree;
    else
      files_disagree.push_back(claim.id);
  }
  // 26 rows of 6 cells; 7 rows of 3.
  EXPECT_EQ(by_table, (std::map<std::string, int>{{"Table 1", 156}, {"Table 2", 21}}));
  EXPECT_EQ(files_agree, 94);
  EXPECT_THAT(files_disagree, testing::ElementsAre("table1/llama/4k/w1024/h2o+slide/mmlu+"))
      << "the misprint";
  EXPECT_THAT(set->missing, SizeIs(2));
}

TEST(ClaimSet, ErrorsNameFileClaimFieldExpectedAndFound) {
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  const Case cases[] = {
      {"/schema", 2, "claims.json: field 'schema': expected 1, found 2"},
      {"/extra", 2, "claims.json: field 'extra'"},
      {"/claims", 2, "claims.json: field 'claims': expected an array, found 2"},
      {"/claims/0/id", 2, "claims.json: claims[0]: field 'id': expected a string, found 2"},
      {"/claims/0/value", "x",
       "claims.json: claims[0] (t1/h2o+slide): field 'value': expected a number, found \"x\""},
      {"/claims/0/value", 101, "expected a percentage from 0 to 100, found 101"},
      {"/claims/0/tolerance", -1, "field 'tolerance': expected a number from 0, found -1"},
      {"/claims/0/window", "x", "field 'window'"},
      {"/claims/0/samples", 0, "field 'samples'"},
      {"/claims/0/model", "gpt", "field 'model': expected one of the file's models, found \"gpt\""},
      {"/claims/0/scorer", "kind", "field 'scorer': expected one of clean, published, found \"kind\""},
      {"/claims/0/windw", 1, "field 'windw'"},
      {"/claims/0/source/row", 1, "source: field 'row'"},
      {"/claims/1", SomeClaims()["claims"][0], "claims[1]: field 'id': expected an id not used before"},
      {"/missing/0", json::object(), "missing[0]: field 'table'"},
      {"/models/llama", "llama", "models: field 'llama': expected an array of strings"}};
  for (const Case& c : cases) {
    json claims = SomeClaims();
    claims[json::json_pointer(c.pointer)] = c.value;
    const absl::Status status = ClaimSetFromJson(claims, "claims.json").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.pointer;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.pointer;
  }
  EXPECT_EQ(ClaimSetFromJson(json::array(), "claims.json").status().code(), absl::StatusCode::kDataLoss);
}

TEST(CheckClaims, OutputsScoredAnewHaveToGiveThePrintedValue) {
  const ClaimResult same = Check(SomeClaims(), {SomeRun(1)});
  EXPECT_EQ(same.verdict, ClaimVerdict::kReproduced);
  EXPECT_EQ(same.measured, 75);
  const ClaimResult other = Check(SomeClaims(), {SomeRun(0)});
  EXPECT_EQ(other.verdict, ClaimVerdict::kDeviates);
  EXPECT_EQ(other.Deviation(), -25);
  // 100 and 0: standard error 50, times Student's t of one degree of freedom.
  EXPECT_NEAR(other.half_width.value_or(0), 50 * 12.7062, 1e-3);
  EXPECT_EQ(ToJson(other)["deviation"], -25.0);
}

TEST(CheckClaims, ARunOfOnesOwnHasToHaveItInItsInterval) {
  JudgedRun own = SomeRun(0);
  own.run.config.source = "kvscope";
  EXPECT_EQ(Check(SomeClaims(), {own}).verdict, ClaimVerdict::kReproduced);
  JudgedRun certain = SomeRun(2);  // both samples all right: no spread
  certain.run.config.source = "kvscope";
  EXPECT_EQ(Check(SomeClaims(), {certain}).verdict, ClaimVerdict::kDeviates);
}

TEST(CheckClaims, ARunOfOnesOwnIsPairedWithThePublishedPredictions) {
  JudgedRun own = SomeRun(0);
  own.run.config.source = "kvscope";
  const ClaimResult result = Check(SomeClaims(), {SomeRun(1), own});
  ASSERT_TRUE(result.paired.has_value());
  EXPECT_EQ(result.paired->prompts, 2);
  // 50 and 100 percent published; own is a question, so half a sample, worse in one of the two.
  EXPECT_EQ(result.paired->difference, -25);
  EXPECT_NEAR(result.paired->interval.low, -25 - 25 * 12.7062, 1e-3);
  EXPECT_EQ(ToJson(result)["paired"]["prompts"], 2);
  EXPECT_FALSE(Check(SomeClaims(), {own}).paired.has_value());
  EXPECT_FALSE(Check(SomeClaims(), {SomeRun(0)}).paired.has_value());
}

TEST(AlikeClaims, AreFoundInThePublication) {
  const std::vector<AlikeClaims> found = FindAlikeClaims(*LoadClaimSet("scope_acl2025"));
  const auto of = [&](const std::string& id) {
    for (const AlikeClaims& alike : found)
      if (std::ranges::find(alike.ids, id) != alike.ids.end()) return alike;
    return AlikeClaims{};
  };
  EXPECT_THAT(of("table2/4k/snapkv/gsm8k+").ids,
              ElementsAre("table2/4k/snapkv/gsm8k+", "table2/4k/pyramidkv/gsm8k+"));
  EXPECT_FALSE(of("table2/4k/snapkv/gsm8k+").windows_differ);
  EXPECT_THAT(of("table1/mistral/4k/w512/h2o+adaptive/csqa+").ids, SizeIs(4));
  EXPECT_TRUE(of("table1/mistral/4k/w512/h2o+adaptive/csqa+").windows_differ);
  EXPECT_THAT(of("table1/llama/4k/w512/h2o+slide/gsm8k+").ids, SizeIs(0));
}

TEST(CheckClaims, OfSeveralRunsTheFurthestDecides) {
  EXPECT_EQ(Check(SomeClaims(), {SomeRun(1), SomeRun(0), SomeRun(1)}).verdict, ClaimVerdict::kDeviates);
}

TEST(CheckClaims, SaysWhyARunIsNotComparable) {
  const auto reason = [](auto change) {
    JudgedRun run = SomeRun(1);
    change(run);
    const ClaimResult result = Check(SomeClaims(), {run});
    EXPECT_EQ(result.verdict, ClaimVerdict::kNotComparable);
    return result.reason;
  };
  EXPECT_EQ(reason([](JudgedRun& run) { run.run.config.window = 1024; }), "window is 1024, not 512");
  EXPECT_EQ(reason([](JudgedRun& run) { run.run.config.recent.reset(); }), "recent is none, not 256");
  EXPECT_EQ(reason([](JudgedRun& run) { run.run.config.semantics = "clean"; }),
            "semantics is clean, not published");
  EXPECT_EQ(reason([](JudgedRun& run) { run.run.config.head_budget = "concentration"; }),
            "head budget is concentration, not uniform");
  EXPECT_EQ(reason([](JudgedRun& run) { run.run.config.model = "arith-tiny"; }),
            "model is arith-tiny, not llama");
  EXPECT_EQ(reason([](JudgedRun& run) { run.samples[0].prompt.variant = "clean"; }),
            "prompts' variant is clean, not published");
  EXPECT_EQ(reason([](JudgedRun& run) {
              run.samples.pop_back();
              run.run.status = RunStatus::kPartial;
            }),
            "number of samples is 1, not 2; status is partial, not complete");
}

TEST(CheckClaims, ACellThatNobodyRanIsNotRun) {
  JudgedRun other = SomeRun(1);
  other.run.config.method = "full";
  EXPECT_EQ(Check(SomeClaims(), {other}).verdict, ClaimVerdict::kNotRun);
  EXPECT_EQ(Check(SomeClaims(), {}).verdict, ClaimVerdict::kNotRun);
  EXPECT_TRUE(ToJson(Check(SomeClaims(), {}))["measured"].is_null());
}

// A run's folder with one sample of one question, answered by `text`.
void WriteRun(const std::string& folder, const std::string& text, bool complete) {
  Prompt prompt;
  prompt.sample = "s/000";
  prompt.task = "gsm8k+";
  prompt.variant = "published";
  prompt.text = "Question_9: q\n";
  PromptQuestion& question = prompt.questions.emplace_back();
  question.number = 9;
  question.answer = "#### 9";
  question.gold = "9";
  RunRecord run;
  run.config = SomeConfig();
  auto store = *RunStore::Open(folder, run, {prompt.sample}, PromptFileContent({prompt}));
  SampleRecord record;
  record.sample = prompt.sample;
  record.prompt_sha256 = prompt.Hash();
  record.text = text;
  ASSERT_TRUE(store->Append(record).ok());
  ASSERT_TRUE(store->SetStatus(complete ? RunStatus::kComplete : RunStatus::kPartial, "", 0).ok());
}

class VerifyCommandTest : public testing::Test {
 protected:
  ProgramResult Verify(const std::string& text, bool complete) {
    json claims = SomeClaims();
    claims["claims"][0]["samples"] = 1;
    claims["claims"][0]["value"] = 100;
    const std::string file = folder_ / "claims.json";
    EXPECT_TRUE(WriteFileAtomically(file, DumpJson(claims)).ok());
    WriteRun(folder_ / "runs/r", text, complete);
    return RunKvscope({"verify", file, "--runs", folder_ / "runs", "--json"});
  }

  const TemporaryFolder folder_;
};

TEST_F(VerifyCommandTest, AReproducedClaimExits0) {
  const ProgramResult result = Verify("Answer_9: The answer is 9.", true);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["claims"][0]["verdict"], "reproduced");
  EXPECT_EQ(report["counts"]["reproduced"], 1);
  EXPECT_EQ(report["findings"], json::array());
}

TEST_F(VerifyCommandTest, ADeviatingClaimExits1) {
  const ProgramResult result = Verify("Answer_9: The answer is 8.", true);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(json::parse(result.out)["claims"][0]["deviation"], -100.0);
}

TEST_F(VerifyCommandTest, AnIncompleteRunExits4) {
  const ProgramResult result = Verify("Answer_9: The answer is 9.", false);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("the run is partial"));
  EXPECT_EQ(json::parse(result.out)["claims"][0]["verdict"], "not comparable");
}

TEST_F(VerifyCommandTest, WhatIsAbsentOrNoClaimsFile) {
  EXPECT_EQ(RunKvscope({"verify"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"verify", folder_ / "none.json"}).exit_code, 5);
  EXPECT_EQ(RunKvscope({"verify", "scope_acl2025", "--runs", folder_ / "none"}).exit_code, 5);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "bad.json", "{}").ok());
  const ProgramResult bad = RunKvscope({"verify", folder_ / "bad.json"});
  EXPECT_EQ(bad.exit_code, 4);
  EXPECT_THAT(bad.err, HasSubstr("bad.json: field 'schema'"));
  const ProgramResult listed = RunKvscope({"verify", "scope_acl2025"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("177 claims: 0 reproduced; 0 deviates; 0 not comparable; 177 not run;"));
}

TEST_F(VerifyCommandTest, ThePublishedFilesReproduceTheirCells) {
  const std::string results = PublishedResults4k();
  if (results.empty()) GTEST_SKIP() << "KVSCOPE_MIRROR is not a file:// mirror of the published predictions";
  ASSERT_EQ(RunKvscope({"import", "scope", results, "--out", folder_ / "runs"}).exit_code, 0);
  const ProgramResult verified =
      RunKvscope({"verify", "scope_acl2025", "--runs", folder_ / "runs", "--json"});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  const json report = json::parse(verified.out);
  // Twelve cells of Table 1, and Table 2's full cache, which is one of them.
  EXPECT_EQ(report["counts"]["reproduced"], 13);
  EXPECT_EQ(report["counts"]["deviates"], 0);
  EXPECT_EQ(report["findings"], json::array());
}

}  // namespace
}  // namespace kvscope
