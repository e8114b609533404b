#include "eval/verify/duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

JudgedRun MakeRun(const std::string& method, const std::vector<std::string>& texts) {
  JudgedRun run;
  run.folder = method;
  run.run.config.task = "gsm8k+";
  run.run.config.method = method;
  for (size_t i = 0; i < texts.size(); ++i) {
    SampleRecord& record = run.samples.emplace_back().record;
    record.sample = fmt::format("s/{:03}", i);
    record.prompt_sha256 = fmt::format("prompt{}", i);
    record.text = texts[i];
  }
  return run;
}

std::vector<Finding> Find(const std::vector<JudgedRun>& runs) { return FindDuplicates(runs); }

TEST(FindDuplicates, NothingToSayOfRunsThatDiffer) {
  EXPECT_THAT(Find({}), IsEmpty());
  EXPECT_THAT(Find({MakeRun("full", {"a", "b"}), MakeRun("h2o+slide", {"a", "c"})}), IsEmpty());
}

TEST(FindDuplicates, NamesEveryRunWithTheSameOutputsOnce) {
  const auto findings =
      Find({MakeRun("snapkv+slide", {"a", "b"}), MakeRun("h2o+slide", {"a", "x"}),
            MakeRun("pyramidkv+slide", {"a", "b"}), MakeRun("snapkv+adaptive", {"a", "b"})});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, FindingKind::kSameOutputs);
  EXPECT_THAT(findings[0].runs, ElementsAre("snapkv+slide", "pyramidkv+slide", "snapkv+adaptive"));
  EXPECT_THAT(findings[0].message, HasSubstr("all 2 shared samples"));
  EXPECT_THAT(findings[0].message, HasSubstr("method (pyramidkv+slide, snapkv+adaptive, snapkv+slide)"));
}

TEST(FindDuplicates, AMethodThatWritesWhatTheFullCacheDoesWasInactive) {
  JudgedRun wide = MakeRun("h2o+slide", {"a", "b"});
  wide.run.config.window = 4096;
  const auto findings = Find({wide, MakeRun("full", {"a", "b"})});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, FindingKind::kInactive);
  EXPECT_THAT(findings[0].message, HasSubstr("window (4096, null)"));
  EXPECT_EQ(ToJson(findings[0])["kind"], "inactive");
}

TEST(FindDuplicates, ARepetitionIsNoDuplicate) {
  JudgedRun timed = MakeRun("h2o+slide", {"a"});
  timed.run.config.mode = "timing";
  timed.run.config.threads = 2;
  EXPECT_THAT(Find({MakeRun("h2o+slide", {"a"}), timed}), IsEmpty());
}

TEST(FindDuplicates, OnlySharedPromptsCount) {
  JudgedRun other = MakeRun("h2o+slide", {"a", "b"});
  for (JudgedSample& sample : other.samples) sample.record.prompt_sha256 += "x";
  EXPECT_THAT(Find({MakeRun("full", {"a", "b"}), other}), IsEmpty());
  const auto limited = Find({MakeRun("full", {"a", "b"}), MakeRun("h2o+slide", {"a"})});
  ASSERT_THAT(limited, SizeIs(1));
  EXPECT_THAT(limited[0].message, HasSubstr("all 1 shared samples"));
}

TEST(FindDuplicates, TokenIdsDecideWhereBothRunsHaveThem) {
  JudgedRun a = MakeRun("full", {"a"}), b = MakeRun("h2o+slide", {"a"});
  a.samples[0].record.token_ids_sha256 = "1";
  EXPECT_THAT(Find({a, b}), SizeIs(1)) << "by text";
  b.samples[0].record.token_ids_sha256 = "2";
  EXPECT_THAT(Find({a, b}), IsEmpty());
}

TEST(FindDuplicates, FailedSamplesAreNotOutputs) {
  JudgedRun a = MakeRun("full", {""}), b = MakeRun("h2o+slide", {""});
  a.samples[0].record.finish = b.samples[0].record.finish = FinishReason::kError;
  EXPECT_THAT(Find({a, b}), IsEmpty());
}

JudgedRun WithLengths(const std::string& method, int prompt_tokens, int output_tokens, uint64_t evictions) {
  JudgedRun run = MakeRun(method, {"a"});
  run.run.config.prefill_budget = 100;
  run.run.config.window = 64;
  run.run.config.recent = 32;
  SampleRecord& record = run.samples[0].record;
  record.prompt_tokens = prompt_tokens;
  record.output_tokens = output_tokens;
  record.kv.emplace().evictions = evictions;
  return run;
}

TEST(FindDuplicates, BudgetsThatNeverBind) {
  EXPECT_THAT(Find({WithLengths("h2o+slide", 101, 65, 9)}), IsEmpty());
  const auto no_evictions = Find({WithLengths("h2o+slide", 90, 60, 0)});
  ASSERT_THAT(no_evictions, SizeIs(1));
  EXPECT_EQ(no_evictions[0].kind, FindingKind::kBudgetNeverBinds);
  EXPECT_THAT(no_evictions[0].message, HasSubstr("no eviction in 1 samples"));
  const auto prefill = Find({WithLengths("h2o+slide", 100, 65, 1)});
  ASSERT_THAT(prefill, SizeIs(1));
  EXPECT_THAT(prefill[0].message, HasSubstr("prefill budget of 100 tokens never binds"));
  const auto decode = Find({WithLengths("h2o+slide", 101, 64, 1)});
  ASSERT_THAT(decode, SizeIs(1));
  EXPECT_THAT(decode[0].message, HasSubstr("decode budget of 64 tokens never binds"));
}

TEST(FindDuplicates, AGrowingBudgetBindsFromTheRecentTokensOn) {
  EXPECT_THAT(Find({WithLengths("h2o+adaptive", 101, 60, 1)}), IsEmpty());
  EXPECT_THAT(Find({WithLengths("h2o+discontinuous", 101, 32, 1)}), SizeIs(1));
}

TEST(FindDuplicates, UnknownLengthsAndTheFullCacheGiveNoFinding) {
  JudgedRun imported = WithLengths("h2o+slide", 1, 1, 0);
  SampleRecord& record = imported.samples[0].record;
  record.prompt_tokens = record.output_tokens = std::nullopt;
  record.kv.reset();
  JudgedRun full = WithLengths("full", 1, 1, 0);
  full.run.config.prefill_budget = full.run.config.window = std::nullopt;
  full.samples[0].record.text = "b";
  EXPECT_THAT(Find({imported, full}), IsEmpty());
}

}  // namespace
}  // namespace kvscope
