#include "eval/report/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/report/pareto.h"
#include "eval/testing/example_runs.h"

namespace kvscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ParetoFront, HoldsWhatNothingBeats) {
  const std::vector<CostAndGain> points = {{3, 50}, {1, 20}, {2, 40}, {2, 30}, {4, 50}, {2, 40}};
  EXPECT_THAT(ParetoFront(points), ElementsAre(1, 2, 0)) << "by cost; of equal points the first";
  EXPECT_THAT(ParetoFront({}), IsEmpty());
}

std::string Text(const std::vector<JudgedRun>& runs) {
  std::string text;
  for (const SummarySentence& sentence : Summarize(MakeReport(runs, "clean")[0]))
    text += sentence.text + "\n";
  return text;
}

// `run` with its last `wrong` samples of four all wrong.
JudgedRun WithWrong(JudgedRun run, int wrong) {
  run.samples.push_back(run.samples[0]);
  run.samples.push_back(run.samples[0]);
  run.samples[1] = run.samples[0];
  for (int i = 0; i < 4; ++i)
    for (QuestionScore& question : run.samples[static_cast<size_t>(i)].clean.questions)
      question.verdict = i < wrong ? Verdict::kWrong : Verdict::kCorrect;
  return run;
}

TEST(Summary, NamesTheSmallestCacheThatKeepsTheAccuracy) {
  EXPECT_THAT(
      Text({WithWrong(ExampleRun("full", 400, 0), 0), WithWrong(ExampleRun("large", 300, 1), 0),
            WithWrong(ExampleRun("small", 200, 1), 0), WithWrong(ExampleRun("bad", 100, 1), 2)}),
      AllOf(HasSubstr("4 runs over 4 prompts. Uncompressed (full): 100.0 ± 0.0 %, 400 B"),
            HasSubstr("accuracy within 2 points of full: small at 50 % of the bytes, 100.0 ± 0.0 %."),
            HasSubstr(
                "Not beaten in both accuracy and KV bytes by any other run, by rising bytes: bad, small.")));
}

TEST(Summary, SaysWhenNothingKeepsTheAccuracy) {
  EXPECT_THAT(Text({WithWrong(ExampleRun("full", 400, 0), 0), WithWrong(ExampleRun("bad", 100, 1), 2),
                    WithWrong(ExampleRun("better", 300, 1), 1)}),
              HasSubstr("No run with less KV is within 2 points of full. The closest is better: 75.0 ± "));
}

TEST(Summary, ProposesNoIncompleteRunAndNoneOverOtherPrompts) {
  JudgedRun partial = WithWrong(ExampleRun("partial", 100, 1), 0),
            other = WithWrong(ExampleRun("other", 90, 1), 0);
  partial.run.status = RunStatus::kPartial;
  other.run.data_sha256 = "other";
  EXPECT_THAT(Text({WithWrong(ExampleRun("full", 400, 0), 0), partial, other}),
              HasSubstr("No complete run over the same prompts holds less KV than full."));
}

TEST(Summary, ClaimsNothingWithoutAnUncompressedRun) {
  EXPECT_THAT(Text({ExampleRun("small", 200, 1)}),
              AllOf(HasSubstr("No uncompressed run to compare with."), Not(HasSubstr("points of"))));
}

TEST(Summary, SaysWhereTheOutputBreaks) {
  EXPECT_THAT(
      Text({ExampleRun("full", 400, 0)}),
      HasSubstr("Largest fall along the output: full, from 100 % in questions 1 to 50 % in questions 2."));
}

}  // namespace
}  // namespace kvscope
