#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "eval/cli/command.h"
#include "eval/report/html/html_report.h"
#include "eval/report/text/csv.h"
#include "eval/report/text/latex.h"
#include "eval/report/text/markdown.h"
#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
#include "eval/sweep/sweep_file.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string out;
  std::string scorer{kCleanScorer};
  bool no_times = false;
};

using Writer = std::string (*)(const std::vector<ReportGroup>& groups, bool with_times);

struct Format {
  std::string_view name;
  Writer write;
};

constexpr std::array kFormats = {
    Format{"html", ToHtml}, Format{"md", ToMarkdown}, Format{"tex", ToLatex},
    Format{"csv", [](const std::vector<ReportGroup>& groups, bool) { return ToCsv(groups); }}};

// By name, or by how a file's name ends.
absl::StatusOr<Format> FormatOf(const std::string& out) {
  const std::string name = out.substr(out.rfind('.') + 1);
  const auto found = std::ranges::find(kFormats, name, &Format::name);
  if (found != kFormats.end()) return *found;
  return absl::InvalidArgumentError(fmt::format(
      "-o: expected FILE.html, FILE.md, FILE.tex, FILE.csv, or html, md, tex or csv for stdout, found '{}'",
      out));
}

// A cell that could not begin has no run to warn of it.
void AddUnfinishedCells(const std::vector<std::string>& folders, std::vector<ReportGroup>& groups) {
  for (const std::string& folder : folders)
    for (std::string& cell : UnfinishedCells(folder))
      groups.front().warnings.push_back({.message = fmt::format("cell of the sweep: {}", cell)});
}

absl::StatusOr<ExitCode> Report(const Options& options) {
  ASSIGN_OR_RETURN(const Format format, FormatOf(options.out));
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FindRuns(options.folders));
  std::vector<JudgedRun> runs;
  bool sound = true;
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(JudgedRun run, JudgeRun(folder));
    for (const std::string& problem : run.problems) fmt::print(stderr, "kvscope report: {}\n", problem);
    sound = sound && run.problems.empty();
    runs.push_back(std::move(run));
  }
  std::vector<ReportGroup> groups = MakeReport(runs, options.scorer);
  AddUnfinishedCells(options.folders, groups);
  const std::string text = format.write(groups, !options.no_times);
  if (options.out == format.name)
    fmt::print("{}", text);
  else
    RETURN_IF_ERROR(WriteFileAtomically(options.out, text));
  return sound ? ExitCode::kDone : ExitCode::kIncomplete;
}

}  // namespace

Action AddReport(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("DIR", options->folders, "Run folders, or folders that hold some")->required();
  command
      .add_option("-o,--output", options->out, "FILE.html, .md, .tex or .csv; the ending alone for stdout")
      ->required();
  command.add_option("--scorer", options->scorer, "How answers are read: clean, published")
      ->check(CLI::IsMember(ScorerNames()))
      ->capture_default_str();
  command.add_flag("--no-times", options->no_times, "Leave out times: they differ each time (md, tex, html)");
  return [options] { return Report(*options); };
}

}  // namespace kvscope
