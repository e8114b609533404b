#include <memory>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "eval/run/cell.h"
#include "eval/run/cell_flags.h"
#include "eval/run/interrupt.h"
#include "eval/run/run_cells.h"
#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "results/environment.h"

namespace kvscope {
namespace {

constexpr uint64_t kProgressSteps = 1000;

struct Options {
  RunRequest request;
  bool json = false;
  bool quiet = false;
};

absl::StatusOr<ExitCode> Report(const std::string& folder, bool json) {
  ASSIGN_OR_RETURN(const JudgedRun run, JudgeRun(folder));
  for (const std::string& problem : run.problems) fmt::print(stderr, "kvscope run: {}\n", problem);
  const nlohmann::json report = ScoreReport(run, kCleanScorer);
  if (json) {
    fmt::print("{}\n", DumpJson(report, 2));
  } else {
    fmt::print("{}: {}, {} samples, {:.4f} % of the questions right (scorer: clean)\n", folder,
               Name(run.run.status), run.samples.size(), report["score_percent"].get<double>());
  }
  return run.problems.empty() ? ExitCode::kDone : ExitCode::kIncomplete;
}

absl::StatusOr<ExitCode> Run(const Options& options) {
  RETURN_IF_ERROR(CheckRequest(options.request));
  ASSIGN_OR_RETURN(FetchOptions fetch, FetchOptionsFromEnvironment());
  const Fetcher fetcher(std::move(fetch));
  ASSIGN_OR_RETURN(const Cell cell, CellMaker(fetcher, CommandLine()).Make(options.request));
  ASSIGN_OR_RETURN(const std::unique_ptr<RunStore> store, OpenRun(cell, options.request.out));
  if (store->run().status == RunStatus::kComplete) {
    if (!options.quiet) fmt::print(stderr, "kvscope run: {}: this run is complete\n", options.request.out);
    return Report(options.request.out, options.json);
  }
  CatchInterrupts();
  {
    ProgressBar bar(fmt::format("{} {}", cell.run.config.task, cell.run.config.method), kProgressSteps,
                    options.quiet);
    for (const std::string& note : cell.notes) bar.Log(fmt::format("kvscope run: {}", note));
    RunCallbacks callbacks;
    callbacks.cancelled = Interrupted;
    callbacks.progress = [&](double share, size_t done) {
      bar.Update(static_cast<uint64_t>(share * kProgressSteps),
                 fmt::format("{}/{} samples", done, cell.data->prompts.size()));
    };
    RETURN_IF_ERROR(RunCell(cell, *store, callbacks));
  }
  return Report(options.request.out, options.json);
}

}  // namespace

Action AddRun(CLI::App& command) {
  auto options = std::make_shared<Options>();
  AddCellFlags(command, options->request);
  AddMethodFlags(command, options->request);
  AddEngineFlags(command, options->request);
  command
      .add_option("--batch", options->request.batch,
                  "Samples decoded together; above 1 no times are recorded")
      ->capture_default_str();
  command.add_option("--out", options->request.out, "The run's folder; resumed when it holds this run")
      ->required();
  AddJsonFlag(command, &options->json);
  AddQuietFlag(command, &options->quiet);
  return [options] { return Run(*options); };
}

}  // namespace kvscope
