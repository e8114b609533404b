#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/report/report_columns.h"
#include "eval/report/report_row.h"
#include "eval/report/tables/tables.h"
#include "eval/report/text/csv.h"
#include "eval/report/text/markdown.h"
#include "eval/testing/example_runs.h"

namespace kvscope {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> Messages(const ReportGroup& group) {
  std::vector<std::string> messages;
  for (const ReportWarning& warning : group.warnings) messages.push_back(warning.message);
  return messages;
}

TEST(Report, ComparesRunsWithTheUncompressedOne) {
  const auto groups = MakeReport({ExampleRun("snapkv", 1 << 20, 5), ExampleRun("full", 4 << 20, 0)}, "clean");
  ASSERT_THAT(groups, SizeIs(1));
  ASSERT_THAT(groups[0].rows, SizeIs(2));
  EXPECT_EQ(groups[0].rows[0].run.config.method, "full") << "comes first";
  const ReportRow& snapkv = groups[0].rows[1];
  EXPECT_EQ(snapkv.accuracy->mean, 75);
  EXPECT_NEAR(*snapkv.accuracy->half_width, 12.7062 * 25, 1e-2);
  EXPECT_EQ(snapkv.kv_share, 0.25);
  EXPECT_EQ(snapkv.times->ttft_s, 1.5);
  EXPECT_EQ(snapkv.times->step_p99_s, 0.004);
  EXPECT_EQ(snapkv.times->mean_decode_rest_s, 3);
  EXPECT_EQ(snapkv.ledger->fewest_layer_tokens, 10);
  EXPECT_EQ(snapkv.ledger->most_layer_tokens, 20);
  EXPECT_EQ(snapkv.score.missing, 1);
  EXPECT_EQ(snapkv.termination.eos, 2);
  EXPECT_EQ(snapkv.first_miss->sample, "arith+/2/001");
  EXPECT_EQ(snapkv.first_miss->number, 2);
  EXPECT_THAT(Messages(groups[0]), ElementsAre(HasSubstr("only 2 prompts"))) << "full is meant not to evict";
}

TEST(Report, OtherTasksStandInTablesOfTheirOwn) {
  JudgedRun other = ExampleRun("full", 1, 0);
  other.run.config.task = "gsm8k+";
  EXPECT_THAT(MakeReport({ExampleRun("full", 1, 0), other}, "clean"), SizeIs(2));
}

TEST(Report, LabelsTellRunsApartWithAsLittleAsTheyNeed) {
  JudgedRun narrow = ExampleRun("full+slide", 1, 1), wide = narrow, recent = narrow, again = narrow;
  narrow.run.config.window = wide.run.config.window = recent.run.config.window = 64;
  again.run.config.window = 128;
  wide.run.config.window = 96;
  narrow.run.config.recent = 16;
  recent.run.config.recent = 32;
  again.folder = "a";
  JudgedRun twin = again;
  twin.folder = "b";
  const auto groups = MakeReport({narrow, wide, recent, again, twin}, "clean");
  std::vector<std::string> labels;
  for (const ReportRow& row : groups[0].rows) labels.push_back(row.label);
  EXPECT_THAT(labels, ElementsAre("full+slide W=64 R=16", "full+slide W=64 R=32", "full+slide W=96",
                                  "full+slide W=128 (a)", "full+slide W=128 (b)"));
}

TEST(Report, WarnsOfInactiveMethodsErrorsAndIncompleteRuns) {
  JudgedRun run = ExampleRun("h2o+h2o", 1 << 20, 0);
  run.run.status = RunStatus::kPartial;
  run.run.reason = "interrupted";
  run.run.samples_expected = 9;
  run.samples[1].record.finish = FinishReason::kError;
  run.samples[1].record.error = "the logits of new token 3 are not finite";
  const auto groups = MakeReport({run}, "clean");
  EXPECT_THAT(Messages(groups[0]), ElementsAre("2 of 9 samples (partial: interrupted)",
                                               AllOf(HasSubstr("1 of 2 samples ended in an error"),
                                                     HasSubstr("token 3 are not finite")),
                                               HasSubstr("never evicted"), HasSubstr("only 2 prompts")));
  EXPECT_FALSE(groups[0].rows[0].kv_share.has_value()) << "there is nothing to compare with";
  const std::string text = ToMarkdown(groups, true);
  EXPECT_THAT(text, HasSubstr("Warning: runs/h2o+h2o: 2 of 9 samples (partial: interrupted)"));
}

TEST(Report, WarnsOfEqualOutputsAndBudgetsThatNeverBindInEveryFormat) {
  JudgedRun full = ExampleRun("full", 4 << 20, 0), slide = ExampleRun("full+slide", 4 << 20, 0);
  slide.run.config.window = 64;
  for (size_t i = 0; i < slide.samples.size(); ++i)
    slide.samples[i].record.text = full.samples[i].record.text;
  const auto groups = MakeReport({full, slide}, "clean");
  EXPECT_THAT(groups[0].warnings, Contains(::testing::Field(&ReportWarning::rows, ElementsAre(0, 1))));
  for (const std::string& text : {ToMarkdown(groups, true), ToCsv(groups)}) {
    EXPECT_THAT(text, HasSubstr("the same outputs in all 2 shared samples"));
    EXPECT_THAT(text, HasSubstr("the budget of full+slide never binds"));
  }
}

TEST(Report, WarnsWhenTheRunsAnsweredOtherPrompts) {
  JudgedRun one = ExampleRun("full", 1, 0), other = ExampleRun("snapkv", 1, 1);
  one.run.data_sha256 = "1";
  other.run.data_sha256 = "2";
  EXPECT_THAT(Messages(MakeReport({one, other}, "clean")[0]),
              Contains(HasSubstr("2 different sets of prompts")));
}

TEST(Report, WhatARunDoesNotSayIsEmpty) {
  JudgedRun run = ExampleRun("full", 1, 0);
  for (JudgedSample& sample : run.samples) {
    sample.record.kv.reset();
    sample.record.time.reset();
  }
  const auto groups = MakeReport({run}, "clean");
  for (const ReportColumn& column : ReportColumns())
    EXPECT_EQ(column.cell(groups[0].rows[0]).empty(),
              column.measures_time || column.key == "kv_peak_mib" || column.key == "kv_share_percent" ||
                  column.key == "evictions" || column.key == "prefill_budget" || column.key == "window")
        << column.key;
  EXPECT_FALSE(LedgerTable(groups[0]).has_value());
  EXPECT_FALSE(TimesTable(groups[0]).has_value());
  EXPECT_FALSE(WindowTable(groups[0]).has_value());
}

TEST(Report, ARunWithoutSamplesIsSaidToHaveNone) {
  JudgedRun run = ExampleRun("full", 1, 0);
  run.samples.clear();
  run.run.status = RunStatus::kFailed;
  run.run.reason = "no model";
  const auto groups = MakeReport({run}, "clean");
  EXPECT_THAT(Messages(groups[0]), Contains("0 of 2 samples (failed: no model)"));
  EXPECT_FALSE(IndexTable(groups[0]).has_value());
  EXPECT_THAT(ToMarkdown(groups, true), HasSubstr("| full "));
}

TEST(Report, WindowsAreColumns) {
  JudgedRun narrow = ExampleRun("full+slide", 1, 1), wide = narrow;
  narrow.run.config.window = 64;
  wide.run.config.window = 128;
  const auto table = WindowTable(MakeReport({ExampleRun("full", 1, 0), wide, narrow}, "clean")[0]);
  ASSERT_TRUE(table.has_value());
  ASSERT_THAT(table->columns, SizeIs(4));
  EXPECT_EQ(table->columns[1].name, "no window");
  EXPECT_EQ(table->columns[3].name, "W=128");
  ASSERT_THAT(table->lines, SizeIs(2));
  EXPECT_EQ(table->lines[1][0].text, "full+slide");
  EXPECT_THAT(table->lines[1][1].text, IsEmpty());
  EXPECT_EQ(table->lines[1][2].text, "75.0 ± >50");
}

TEST(Report, MarkdownIsATableWithEveryColumnExplained) {
  JudgedRun run = ExampleRun("h2o+h2o", 1 << 20, 7);
  run.run.config.prefill_budget = run.run.config.window = 64;
  const auto groups = MakeReport({ExampleRun("full", 1 << 21, 0), run}, "clean");
  const std::string text = ToMarkdown(groups, true);
  EXPECT_THAT(text, HasSubstr("## arith+, 2 questions a prompt, arith-tiny"));
  EXPECT_THAT(text, HasSubstr("### Accuracy along the output"));
  EXPECT_THAT(text, HasSubstr("### Accuracy by kind of question"));
  EXPECT_THAT(text, HasSubstr("| full "));
  for (const ReportColumn& column : ReportColumns()) {
    EXPECT_THAT(text, HasSubstr("- " + std::string(column.name) + ": "));
    EXPECT_EQ(ToMarkdown(groups, false).find("- " + std::string(column.name) + ": ") == std::string::npos,
              column.measures_time)
        << column.name;
  }
}

TEST(Report, ColumnsThatSayNothingOfAnyRunAreLeftOut) {
  const std::string text = ToMarkdown(MakeReport({ExampleRun("full", 1, 0)}, "clean"), true);
  EXPECT_THAT(text, HasSubstr("| method | accuracy % |"));
}

TEST(Report, MarkdownKeepsItsLinesWhateverNamesHold) {
  JudgedRun run = ExampleRun("a|b\nc", 1, 1);
  const std::string text = ToMarkdown(MakeReport({run}, "clean"), true);
  EXPECT_THAT(text, HasSubstr("| a\\|b c "));
  EXPECT_THAT(text, Not(HasSubstr("a|b")));
}

TEST(Report, MarkdownHoldsNoMarkupOfNames) {
  JudgedRun run = ExampleRun("a\\|b<script>[x](y)`", 1, 1);
  const std::string text = ToMarkdown(MakeReport({run}, "clean"), true);
  EXPECT_THAT(text, HasSubstr("| a\\\\\\|b\\<script>\\[x](y)\\` "));
  EXPECT_THAT(text, Not(HasSubstr("|b<")));
}

TEST(Report, CsvHoldsNoFormula) {
  for (const std::string attack : {"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1"}) {
    JudgedRun run = ExampleRun(attack, 1, 0);
    run.folder = attack;
    const std::string text = ToCsv(MakeReport({run}, "clean"));
    EXPECT_THAT(text, HasSubstr(",'" + attack)) << text;
    EXPECT_THAT(text, Not(HasSubstr("," + attack)));
  }
}

TEST(Report, SaysWhatWasCutOrCapped) {
  JudgedRun run = ExampleRun("full", 1, 0);
  run.run.execution = {{"notes", {"2 of 9 prompts were cut", 7}}};
  EXPECT_THAT(ToMarkdown(MakeReport({run}, "clean"), true), HasSubstr("2 of 9 prompts were cut"));
}

TEST(Report, CsvQuotesWhatNeedsIt) {
  JudgedRun run = ExampleRun("full", 1 << 20, 0);
  run.problems = {"a \"b\", c"};
  const std::string text = ToCsv(MakeReport({run}, "clean"));
  EXPECT_THAT(text, HasSubstr("runs/full,\"a \"\"b\"\", c; only 2 prompts"));
  EXPECT_THAT(text, HasSubstr("group,method,prefill_budget,window,accuracy_percent"));
  EXPECT_THAT(text, HasSubstr("\r\n"));
}

}  // namespace
}  // namespace kvscope
