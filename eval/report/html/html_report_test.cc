#include "eval/report/html/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/testing/example_runs.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlReport, HasEverySectionThatTheRunsFill) {
  JudgedRun run = ExampleRun("full+slide", 1 << 20, 3);
  run.run.config.window = 64;
  const std::string html = ToHtml(MakeReport({ExampleRun("full", 4 << 20, 0), run}, "clean"), true);
  for (const char* title :
       {"Summary", "Warnings (1)", "Runs", "Accuracy against memory", "Accuracy against latency",
        "Accuracy by method and window", "Accuracy along the output", "Accuracy by kind of question",
        "Accuracy by distance of the reference", "How outputs ended", "Where the time goes",
        "Memory of the cache", "First miss of each run", "Provenance"})
    EXPECT_THAT(html, HasSubstr(fmt::format(">{}</h3>", title)));
}

TEST(HtmlReport, LeavesOutWhatTheRunsDoNotSay) {
  JudgedRun run = ExampleRun("full", 1, 0);
  for (JudgedSample& sample : run.samples) {
    sample.record.kv.reset();
    sample.record.time.reset();
    for (PromptQuestion& question : sample.prompt.questions) question.kind.clear(), question.refers.reset();
  }
  const std::string html = ToHtml(MakeReport({run}, "clean"), true);
  for (const char* title :
       {"Accuracy against memory", "Accuracy against latency", "Accuracy by method and window",
        "Accuracy by kind", "Accuracy by distance", "Where the time goes", "Memory of the cache"})
    EXPECT_THAT(html, Not(HasSubstr(title)));
}

TEST(HtmlReport, IsTheSameEachTimeAndWithoutTimesWhenAsked) {
  const auto groups = MakeReport({ExampleRun("full", 1, 0), ExampleRun("snapkv", 1, 1)}, "clean");
  EXPECT_EQ(ToHtml(groups, true), ToHtml(groups, true));
  EXPECT_THAT(ToHtml(groups, false), Not(HasSubstr(" ms")));
}

TEST(HtmlReport, WritesARunWithoutSamples) {
  JudgedRun run = ExampleRun("full", 1, 0);
  run.samples.clear();
  EXPECT_THAT(ToHtml(MakeReport({run}, "clean"), true), HasSubstr(">Provenance</h3>"));
}

TEST(HtmlReport, BearsWithNumbersThatNoRunHas) {
  JudgedRun run = ExampleRun("full", 1, 0);
  for (const double wrong : {1e308, -5.0, 5e-324}) {
    for (JudgedSample& sample : run.samples) {
      sample.record.time = TimeRecord{wrong, wrong, wrong, wrong, wrong, wrong};
      sample.record.kv->decode_mean_bytes = wrong;
      sample.record.kv->peak_bytes = ~uint64_t{0};
    }
    EXPECT_THAT(ToHtml(MakeReport({run, ExampleRun("snapkv", 1, 1)}, "clean"), true), HasSubstr("</html>"));
  }
}

TEST(HtmlReport, EscapesWhatComesFromOutside) {
  const std::string attack = "<script>alert(1)</script>\"'><img src=x>";
  JudgedRun run = ExampleRun("full", 1, 0);
  run.folder = attack;
  run.run.config.model = attack;
  run.run.config.method = attack;
  run.run.config.task = attack;
  run.run.config.length = attack;
  run.run.reason = attack;
  run.run.execution = {{"notes", {attack}}};
  run.run.machine = {{"cpu", attack}};
  run.run.build = {{"commit", attack}, {"version", 3}};
  run.problems = {attack};
  run.samples[1].record.text = attack;
  run.samples[1].record.finish = FinishReason::kError;
  run.samples[1].record.error = attack;
  run.samples[1].clean.questions[1].end = attack.size();
  run.samples[1].prompt.questions[1].question = attack;
  const std::string html = ToHtml(MakeReport({run}, "clean"), true);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, Not(HasSubstr("x>\"")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
}

}  // namespace
}  // namespace kvscope
