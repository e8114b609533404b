#include "eval/compare/pairing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/compare/comparable.h"
#include "eval/compare/testing_runs.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<JudgedRun> Sweep(const std::string& method, const std::vector<int>& windows) {
  std::vector<JudgedRun> runs;
  for (const int window : windows) {
    JudgedRun& run = runs.emplace_back(MakeRun(method, {5, 6}));
    run.run.config.window = window;
    run.folder = fmt::format("{}/{}", method, window);
  }
  return runs;
}

std::vector<std::string> Folders(const Pairing& pairing) {
  std::vector<std::string> pairs;
  for (const RunPair& pair : pairing.pairs)
    pairs.push_back(fmt::format("{} {}", pair.base->folder, pair.candidate->folder));
  return pairs;
}

TEST(PairRuns, TwoSingleRunsPairWhateverTheyAre) {
  const auto base = Sweep("h2o+h2o", {64}), candidate = Sweep("full+slide", {128});
  const auto pairing = PairRuns(base, candidate, false);
  ASSERT_TRUE(pairing.ok()) << pairing.status();
  EXPECT_THAT(Folders(*pairing), ElementsAre("h2o+h2o/64 full+slide/128"));
  EXPECT_EQ(pairing->pairs[0].name, "arith+ 10 questions, h2o+h2o -> full+slide");
  EXPECT_THAT(pairing->unmatched, IsEmpty());
}

TEST(PairRuns, SweepsOfTwoMethodsPairWindowByWindow) {
  const auto base = Sweep("h2o+h2o", {64, 128}), candidate = Sweep("full+slide", {128, 64});
  const auto pairing = PairRuns(base, candidate, false);
  EXPECT_THAT(Folders(*pairing), ElementsAre("h2o+h2o/128 full+slide/128", "h2o+h2o/64 full+slide/64"));
  EXPECT_EQ(pairing->pairs[0].name, "arith+ 10 questions, h2o+h2o -> full+slide, window=128");
}

TEST(PairRuns, SweepsOfOnePlanPairCellByCell) {
  auto base = Sweep("h2o+h2o", {64});
  base.push_back(Sweep("full+slide", {64})[0]);
  const auto candidate = base;
  const auto pairing = PairRuns(base, candidate, false);
  EXPECT_THAT(Folders(*pairing), ElementsAre("h2o+h2o/64 h2o+h2o/64", "full+slide/64 full+slide/64"));
}

TEST(PairRuns, NamesSayOnlyWhatTellsCellsApart) {
  auto runs = Sweep("full+slide", {64, 128});
  for (JudgedRun& run : runs) {
    run.run.config.recent = *run.run.config.window / 2;
    run.run.config.head_budget = "uniform";
  }
  runs.push_back(MakeRun("full", {5, 6}));
  const auto pairing = PairRuns(runs, runs, false);
  ASSERT_THAT(pairing->pairs, SizeIs(3));
  EXPECT_EQ(pairing->pairs[0].name, "arith+ 10 questions, full+slide, window=64");
  EXPECT_EQ(pairing->pairs[2].name, "arith+ 10 questions, full");
}

TEST(PairRuns, NamesWhatHasNoPartner) {
  const auto base = Sweep("full+slide", {64, 128}), candidate = Sweep("full+slide", {64, 256});
  const auto pairing = PairRuns(base, candidate, false);
  EXPECT_THAT(pairing->pairs, SizeIs(1));
  EXPECT_THAT(pairing->unmatched, ElementsAre("full+slide/128: the candidate has no run of window=128",
                                              "full+slide/256: the base has no run of window=256"));
}

TEST(PairRuns, ACandidateSweepOfWhichOneCellIsLeftDoesNotPairWithAnother) {
  const auto base = Sweep("full+slide", {64, 128}), candidate = Sweep("full+slide", {128});
  const auto pairing = PairRuns(base, candidate, false);
  EXPECT_THAT(Folders(*pairing), ElementsAre("full+slide/128 full+slide/128"));
  EXPECT_THAT(pairing->unmatched, SizeIs(1));
}

TEST(PairRuns, OneBaseForAll) {
  const std::vector<JudgedRun> base = {MakeRun("full", {5, 6})};
  const auto candidate = Sweep("full+slide", {64, 128});
  const auto pairing = PairRuns(base, candidate, true);
  EXPECT_THAT(Folders(*pairing), ElementsAre("full full+slide/64", "full full+slide/128"));
  EXPECT_THAT(pairing->unmatched, IsEmpty());
}

TEST(PairRuns, WhereOutputsWereImportedFromSpansNoGrid) {
  auto base = Sweep("h2o+h2o", {64, 128}), candidate = Sweep("h2o+h2o", {64, 128});
  int source = 0;
  for (auto* side : {&base, &candidate})
    for (JudgedRun& run : *side) run.run.config.source = fmt::format("scope:{}", source++);
  EXPECT_THAT(PairRuns(base, candidate, false)->pairs, SizeIs(2));
}

TEST(PairRuns, RefusesEmptySidesAndTwoRunsOfOneConfiguration) {
  const auto one = Sweep("full", {64}), twice = Sweep("full", {64, 64});
  EXPECT_EQ(PairRuns({}, one, false).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PairRuns(one, {}, false).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::Status status = PairRuns(one, twice, false).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("full/64 and full/64"));
}

std::vector<std::string> KindsOf(const RunRecord& base, const RunRecord& candidate) {
  std::vector<std::string> kinds;
  for (const Mismatch& mismatch : FindMismatches(base, candidate)) kinds.emplace_back(mismatch.kind);
  return kinds;
}

TEST(FindMismatches, MethodsAndBudgetsAreWhatIsCompared) {
  RunRecord base, candidate;
  candidate.config.method = "full+slide";
  candidate.config.window = candidate.config.prefill_budget = 64;
  candidate.config.mode = "timing";
  EXPECT_THAT(FindMismatches(base, candidate), IsEmpty());
}

TEST(FindMismatches, NamesEachKind) {
  RunRecord base, candidate;
  candidate.data_sha256 = "d";
  candidate.config.model = "m";
  candidate.config.semantics = "published";
  candidate.config.precision = "bf16";
  candidate.config.kv = "int8";
  candidate.config.device = "cuda";
  candidate.config.max_new_tokens = 5;
  candidate.config.prompt_template = "t";
  EXPECT_THAT(KindsOf(base, candidate), testing::UnorderedElementsAreArray(MismatchKinds()));
}

TEST(FindMismatches, AModelIsItsWeights) {
  RunRecord base, candidate;
  base.model_sha256 = candidate.model_sha256 = "1";
  base.config.model = "arith-tiny";
  candidate.config.model = "/models/arith-tiny";
  EXPECT_THAT(KindsOf(base, candidate), IsEmpty());
  candidate.model_sha256 = "2";
  EXPECT_THAT(KindsOf(base, candidate), ElementsAre("model"));
  candidate.model_sha256 = "";
  EXPECT_THAT(KindsOf(base, candidate), ElementsAre("model")) << "by name, where one run has no hash";
}

}  // namespace
}  // namespace kvscope
