#include <memory>
#include <string>
#include <vector>

#include "eval/cli/command.h"
#include "eval/report/report_text.h"
#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
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

// The format's name, from "md", "csv" or a file that ends so.
absl::StatusOr<std::string> FormatOf(const std::string& out) {
  const std::string format = out.substr(out.rfind('.') + 1);
  if (format == "md" || format == "csv") return format;
  if (format == "html" || format == "tex")
    return absl::UnimplementedError(
        fmt::format("-o {}: this version of kvscope writes md and csv only", out));
  return absl::InvalidArgumentError(
      fmt::format("-o: expected FILE.md, FILE.csv, md or csv, found '{}'", out));
}

absl::StatusOr<ExitCode> Report(const Options& options) {
  ASSIGN_OR_RETURN(const std::string format, FormatOf(options.out));
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FindRuns(options.folders));
  std::vector<JudgedRun> runs;
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(JudgedRun run, JudgeRun(folder));
    runs.push_back(std::move(run));
  }
  const std::vector<ReportGroup> groups = MakeReport(runs, options.scorer);
  const std::string text = format == "md" ? ToMarkdown(groups, !options.no_times) : ToCsv(groups);
  if (options.out == format)
    fmt::print("{}", text);
  else
    RETURN_IF_ERROR(WriteFileAtomically(options.out, text));
  return ExitCode::kDone;
}

}  // namespace

Action AddReport(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("DIR", options->folders, "Run folders, or folders that hold some")->required();
  command.add_option("-o,--output", options->out, "FILE.md or FILE.csv; md or csv for stdout")->required();
  command.add_option("--scorer", options->scorer, "How answers are read: clean, published")
      ->check(CLI::IsMember(ScorerNames()))
      ->capture_default_str();
  command.add_flag("--no-times", options->no_times, "Leave out what differs from run to run");
  return [options] { return Report(*options); };
}

}  // namespace kvscope
