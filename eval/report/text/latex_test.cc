#include "eval/report/text/latex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "eval/testing/example_runs.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Latex, EscapesEveryCharacterThatTexReads) {
  EXPECT_EQ(EscapeLatex("a_b & 5 % of $x^2 {#}~\\ <±>"),
            "a\\_b \\& 5 \\% of \\$x\\textasciicircum{}2 \\{\\#\\}\\textasciitilde{}\\textbackslash{} "
            "\\textless{}$\\pm$\\textgreater{}");
}

TEST(Latex, NamesAreNoCommands) {
  JudgedRun run = ExampleRun("\\input{/etc/passwd}\n\\write18{id}", 1, 0);
  run.run.config.model = "^^5cinput x % \\end{tabular}";
  const std::string text = ToLatex(MakeReport({run, ExampleRun("full", 4, 0)}, "clean"), true);
  for (const char* command : {"\\input", "\\write", "^^5c", "\\end{tabular}\\"})
    EXPECT_THAT(text, Not(HasSubstr(command)));
  EXPECT_THAT(text, HasSubstr("\\textbackslash{}input\\{/etc/passwd\\} \\textbackslash{}write18\\{id\\}"));
}

TEST(Latex, IsTablesWithCaptionAndLabel) {
  JudgedRun run = ExampleRun("full+slide_x", 1 << 20, 3);
  run.run.config.window = 64;
  const std::string text = ToLatex(MakeReport({run, ExampleRun("full", 4 << 20, 0)}, "clean"), true);
  EXPECT_THAT(text, HasSubstr("% Made by 'kvscope report', kvscope 0."));
  EXPECT_THAT(text, HasSubstr("\\usepackage{booktabs}"));
  EXPECT_THAT(
      text,
      HasSubstr("\\toprule\n    method & W & accuracy \\% & KV peak MiB & of full \\% & step p50 ms \\\\"))
      << "no column for the prefill budget, which no run has";
  EXPECT_THAT(text, HasSubstr("full+slide\\_x & 64 & 75.0 $\\pm$ "));
  EXPECT_THAT(text, HasSubstr("\\label{tab:arith-2-questions-a-prompt-arith-tiny-by-kind}"));
  EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
}

TEST(Latex, ScalesWideTablesToThePage) {
  JudgedRun run = ExampleRun("full", 1, 0);
  for (JudgedSample& sample : run.samples) {
    for (int i = 0; i < 6; ++i) {
      sample.prompt.questions.push_back(sample.prompt.questions[0]);
      sample.clean.questions.push_back(sample.clean.questions[0]);
    }
  }
  const std::string text = ToLatex(MakeReport({run}, "clean"), false);
  EXPECT_THAT(text, HasSubstr("\\resizebox{\\textwidth}{!}{%\n  \\begin{tabular}{lrrrrrrrr}"));
  EXPECT_THAT(text, HasSubstr("  \\end{tabular}}\n\\end{table*}"));
  EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
}

TEST(Latex, LeavesTimesOutWhenAsked) {
  EXPECT_THAT(ToLatex(MakeReport({ExampleRun("full", 1, 0)}, "clean"), false), Not(HasSubstr("step p50")));
}

}  // namespace
}  // namespace kvscope
