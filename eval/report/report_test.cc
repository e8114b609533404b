#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/report/report_columns.h"
#include "eval/report/report_row.h"
#include "eval/report/report_text.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using ::testing::SizeIs;

// Two samples of two questions each: all right and half right.
JudgedRun MakeRun(const std::string& method, uint64_t peak_bytes, uint64_t evictions) {
  JudgedRun run;
  run.folder = "runs/" + method;
  run.run.status = RunStatus::kComplete;
  run.run.config.task = "arith+";
  run.run.config.model = "arith-tiny";
  run.run.config.questions = 2;
  run.run.config.method = method;
  run.run.config.kv = "f32";
  for (const bool right : {true, false}) {
    JudgedSample& sample = run.samples.emplace_back();
    sample.record.kv = KvRecord();
    sample.record.kv->peak_bytes = peak_bytes;
    sample.record.kv->evictions = evictions;
    sample.record.time =
        TimeRecord{.prefill_s = 1, .compress_s = 0.5, .step_p50_s = 0.002, .step_p99_s = 0.004};
    for (const Verdict second : {Verdict::kCorrect, right ? Verdict::kCorrect : Verdict::kMissing})
      sample.clean.questions.emplace_back().verdict = second;
  }
  return run;
}

TEST(Report, ComparesRunsWithTheUncompressedOne) {
  const auto groups = MakeReport({MakeRun("snapkv", 1 << 20, 5), MakeRun("full", 4 << 20, 0)}, "clean");
  ASSERT_THAT(groups, SizeIs(1));
  ASSERT_THAT(groups[0].rows, SizeIs(2));
  EXPECT_EQ(groups[0].rows[0].config.method, "full") << "comes first";
  const ReportRow& snapkv = groups[0].rows[1];
  EXPECT_EQ(snapkv.accuracy->mean, 75);
  EXPECT_NEAR(*snapkv.accuracy->half_width, 12.7062 * 25, 1e-2);
  EXPECT_EQ(snapkv.kv_share, 0.25);
  EXPECT_EQ(snapkv.ttft_s, 1.5);
  EXPECT_EQ(snapkv.step_p99_s, 0.004);
  EXPECT_EQ(snapkv.score.missing, 1);
  EXPECT_THAT(snapkv.warnings, IsEmpty());
  EXPECT_THAT(groups[0].rows[0].warnings, IsEmpty()) << "full is meant not to evict";
}

TEST(Report, OtherTasksStandInTablesOfTheirOwn) {
  JudgedRun other = MakeRun("full", 1, 0);
  other.run.config.task = "gsm8k+";
  EXPECT_THAT(MakeReport({MakeRun("full", 1, 0), other}, "clean"), SizeIs(2));
}

TEST(Report, WarnsOfInactiveMethodsAndIncompleteRuns) {
  JudgedRun run = MakeRun("h2o+h2o", 1 << 20, 0);
  run.run.status = RunStatus::kPartial;
  run.run.reason = "interrupted";
  run.run.samples_expected = 9;
  const auto groups = MakeReport({run}, "clean");
  ASSERT_THAT(groups[0].rows[0].warnings, SizeIs(2));
  EXPECT_FALSE(groups[0].rows[0].kv_share.has_value()) << "there is nothing to compare with";
  const std::string text = ToMarkdown(groups, true);
  EXPECT_THAT(text, HasSubstr("2 of 9 samples (partial: interrupted)"));
  EXPECT_THAT(text, HasSubstr("never evicted"));
}

TEST(Report, WhatARunDoesNotSayIsEmpty) {
  JudgedRun run = MakeRun("full", 1, 0);
  for (JudgedSample& sample : run.samples) {
    sample.record.kv.reset();
    sample.record.time.reset();
  }
  const ReportRow row = MakeReport({run}, "clean")[0].rows[0];
  for (const ReportColumn& column : ReportColumns())
    EXPECT_EQ(column.cell(row).empty(), column.measures_time || column.key == "kv_peak_mib" ||
                                            column.key == "kv_share_percent" || column.key == "evictions" ||
                                            column.key == "prefill_budget" || column.key == "window")
        << column.key;
}

TEST(Report, MarkdownIsATableWithEveryColumnExplained) {
  const auto groups = MakeReport({MakeRun("full", 1 << 20, 0)}, "clean");
  const std::string text = ToMarkdown(groups, true);
  EXPECT_THAT(text, HasSubstr("### arith+, 2 questions a prompt, arith-tiny"));
  EXPECT_THAT(text, HasSubstr("| full "));
  for (const ReportColumn& column : ReportColumns()) {
    EXPECT_THAT(text, HasSubstr("- " + std::string(column.name) + ": "));
    EXPECT_EQ(ToMarkdown(groups, false).find(" " + std::string(column.name) + " |") == std::string::npos,
              column.measures_time)
        << column.name;
  }
}

TEST(Report, CsvQuotesWhatNeedsIt) {
  JudgedRun run = MakeRun("full", 1 << 20, 0);
  run.problems = {"a \"b\", c"};
  const std::string text = ToCsv(MakeReport({run}, "clean"));
  EXPECT_THAT(text, HasSubstr("\"a \"\"b\"\", c\""));
  EXPECT_THAT(text, HasSubstr("group,method,prefill_budget,window,accuracy_percent"));
  EXPECT_THAT(text, HasSubstr("\r\n"));
}

}  // namespace
}  // namespace kvscope
