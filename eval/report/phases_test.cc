// The embedded model tells the two phases of a KV cache apart: what every comparison on Arith+ rests on.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "eval/report/slices.h"
#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
#include "eval/stats/paired_mean.h"
#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "results/base/file.h"

namespace kvscope {
namespace {

// A prompt of 24 questions has about 210 tokens, its answers about 475.
constexpr const char* kPlan = R"({
  "model": "arith-tiny", "task": "arith+", "threads": 1, "recent": 32,
  "grids": [
    {"questions": 64, "limit": 8, "method": "full"},
    {"questions": 24, "limit": 16, "method": ["full", "streamingllm+slm"], "prefill-budget": 112, "window": 64},
    {"questions": 24, "limit": 16, "method": "full+slide", "window": [40, 64, 128, 256, 480]},
    {"questions": 24, "limit": 16, "method": "h2o", "prefill-budget": [56, 112, 168, 224]},
    {"questions": 24, "limit": 16, "method": ["snapkv", "streamingllm"], "prefill-budget": 112}]})";

constexpr int kDirect = 0, kNear = 1, kFar = 2;  // of SliceByKind

class PhasesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    ASSERT_TRUE(WriteFileAtomically(*folder_ / "plan.json", kPlan).ok());
    const ProgramResult sweep =
        RunKvscope({"sweep", *folder_ / "plan.json", "--out", *folder_ / "runs", "--quiet"});
    ASSERT_EQ(sweep.exit_code, 0) << sweep.err;
  }
  static void TearDownTestSuite() { folder_.reset(); }

  // `cell`: the end of its folder's name, "24q.limit16.full".
  static JudgedRun Read(const std::string& cell) {
    return JudgeRun(*folder_ / fmt::format("runs/arith-tiny.arith+.{}", cell)).value_or(JudgedRun{});
  }

 private:
  static inline std::unique_ptr<TemporaryFolder> folder_;
};

std::vector<double> Percents(const JudgedRun& run) {
  std::vector<double> percents;
  for (const JudgedSample& sample : run.samples) percents.push_back(100 * sample.clean.Fraction());
  return percents;
}

// Of `candidate` over `base`, in points: the 95 % interval over the prompts.
Interval Gain(const JudgedRun& base, const JudgedRun& candidate) {
  const std::vector<double> from = Percents(base);
  std::vector<double> differences = Percents(candidate);
  EXPECT_EQ(from.size(), differences.size());
  for (size_t i = 0; i < differences.size(); ++i) differences[i] -= from[i];
  const std::optional<PairedMean> paired = SummarizePaired(differences);
  EXPECT_TRUE(paired) << base.folder;
  return paired ? TInterval(*paired, 0.95) : Interval{-100, -100};
}

double PercentOfKind(const JudgedRun& run, size_t kind) {
  const std::vector<Slice> slices = SliceByKind(run, kCleanScorer);
  return slices.size() > kind && slices[kind].accuracy ? slices[kind].accuracy->mean : -1;
}

// In percent: how many chained answers copy the result that the output itself has stated ("... A3 47") for
// the question they refer to. An answer that refers to what was not stated does not count.
double OutputLookups(const JudgedRun& run) {
  int lookups = 0, right = 0;
  for (const JudgedSample& sample : run.samples) {
    std::map<int, int> stated;
    std::istringstream lines(sample.record.text);
    for (std::string line; std::getline(lines, line);) {
      int number = 0, refers = 0, value = 0;
      if (std::sscanf(line.c_str(), "Answer_%d: A%d %d", &number, &refers, &value) == 3 &&
          stated.contains(refers)) {
        ++lookups;
        right += stated[refers] == value ? 1 : 0;
      }
      const size_t label = line.rfind(" A");
      if (label != std::string::npos && std::sscanf(line.c_str() + label, " A%d %d", &number, &value) == 2)
        stated.emplace(number, value);
    }
  }
  EXPECT_GT(lookups, 20) << run.folder;
  return 100.0 * right / lookups;
}

// In percent: right answers among the chained questions whose referred answer is right, so that no wrong
// answer is inherited. Such a question needs one number of the prompt, a direct one two.
double PercentOfChainedAlone(const JudgedRun& run) {
  int questions = 0, right = 0;
  for (const JudgedSample& sample : run.samples) {
    std::map<int, bool> correct;
    for (const QuestionScore& question : sample.clean.questions)
      correct[question.number] = question.verdict == Verdict::kCorrect;
    for (const PromptQuestion& question : sample.prompt.questions) {
      if (!question.refers || !correct[*question.refers]) continue;
      ++questions;
      right += correct[question.number] ? 1 : 0;
    }
  }
  EXPECT_GT(questions, 20) << run.folder;
  return 100.0 * right / questions;
}

TEST_F(PhasesTest, TheFullCacheAnswersEveryKind) {
  const JudgedRun short_run = Read("24q.limit16.full"), long_run = Read("64q.limit8.full");
  for (const size_t kind : {kDirect, kNear, kFar}) {
    EXPECT_GE(PercentOfKind(short_run, kind), 97) << kind;
    EXPECT_GE(PercentOfKind(long_run, kind), 95) << kind;
  }
  EXPECT_EQ(OutputLookups(short_run), 100);
}

TEST_F(PhasesTest, KeepingThePromptIsWorthTwentyPointsAtTheSameWindow) {
  EXPECT_GE(
      Gain(Read("24q.limit16.streamingllm+slm.C112.W64.R32"), Read("24q.limit16.full+slide.W64.R32")).low,
      20);
}

// Counted by questions, prefill compression takes about as many chained ones: their lines stand in the
// prompt, too, and they take over the wrong answers that they refer to. Look-ups tell the phases apart.
TEST_F(PhasesTest, PrefillCompressionLosesThePromptAndNothingOfTheOutput) {
  for (const char* cell : {"h2o.C112", "snapkv.C112", "streamingllm.C112"}) {
    const JudgedRun run = Read(fmt::format("24q.limit16.{}", cell));
    EXPECT_LE(PercentOfKind(run, kDirect), 50) << cell;
    EXPECT_GE(OutputLookups(run), 99) << cell;
  }
}

TEST_F(PhasesTest, PrefillCompressionHurtsDirectQuestionsMoreThanChainedOnesThatInheritNothingWrong) {
  for (const char* cell : {"h2o.C112", "streamingllm.C112"}) {
    const JudgedRun run = Read(fmt::format("24q.limit16.{}", cell));
    EXPECT_GE(PercentOfChainedAlone(run) - PercentOfKind(run, kDirect), 10) << cell;
  }
}

TEST_F(PhasesTest, DecodeCompressionLosesTheOutputAndNothingOfThePrompt) {
  for (const char* cell : {"full+slide.W40.R32", "full+slide.W64.R32", "full+slide.W128.R32"}) {
    const JudgedRun run = Read(fmt::format("24q.limit16.{}", cell));
    EXPECT_GE(PercentOfKind(run, kDirect), 99) << cell;
    EXPECT_LE(PercentOfKind(run, kFar), 50) << cell;
    EXPECT_LE(PercentOfKind(run, kFar), PercentOfKind(run, kNear)) << cell;
    EXPECT_LE(OutputLookups(run), 75) << cell;
  }
}

TEST_F(PhasesTest, AccuracyRisesWithTheBudget) {
  for (const std::vector<const char*>& curve :
       {std::vector<const char*>{"full+slide.W40.R32", "full+slide.W64.R32", "full+slide.W128.R32",
                                 "full+slide.W256.R32", "full+slide.W480.R32", "full"},
        std::vector<const char*>{"h2o.C56", "h2o.C112", "h2o.C168", "h2o.C224", "full"}}) {
    std::vector<JudgedRun> runs;
    for (const char* cell : curve) runs.push_back(Read(fmt::format("24q.limit16.{}", cell)));
    for (size_t i = 1; i < runs.size(); ++i)
      EXPECT_GE(Gain(runs[i - 1], runs[i]).high, 0) << curve[i - 1] << " to " << curve[i];
    EXPECT_GE(Gain(runs.front(), runs.back()).low, 10) << curve.front();
  }
}

}  // namespace
}  // namespace kvscope
