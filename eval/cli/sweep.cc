#include "eval/sweep/sweep.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "eval/plan/planned_cell.h"
#include "eval/run/interrupt.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "results/environment.h"

namespace kvscope {
namespace {

constexpr uint64_t kProgressSteps = 1000;

struct Options {
  std::string plan;
  std::map<std::string, std::string> overrides;  // by flag; empty: not given
  std::string shard = "1/1";
  SweepOptions sweep;
  int64_t watchdog_s = 1800;
  bool json = false;
  bool quiet = false;
};

absl::StatusOr<Shard> ParseShard(const std::string& text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    if (count.ec == std::errc() && count.ptr == end && shard.index >= 1 && shard.index <= shard.count)
      return shard;
  }
  return absl::InvalidArgumentError(fmt::format("--shard: expected I/N with 1 <= I <= N, found '{}'", text));
}

absl::Status CheckOptions(const Options& options, const std::vector<PlannedCell>& cells) {
  const auto at_least = [](const char* flag, int64_t value, int64_t least) -> absl::Status {
    if (value >= least) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("{}: expected at least {}, found {}", flag, least, value));
  };
  RETURN_IF_ERROR(at_least("--jobs", options.sweep.jobs, 1));
  RETURN_IF_ERROR(at_least("--batch", options.sweep.unit.batch, 2));
  RETURN_IF_ERROR(at_least("--repetitions", options.sweep.unit.repetitions, 1));
  RETURN_IF_ERROR(at_least("--watchdog", options.watchdog_s, 1));
  const bool timing = std::ranges::any_of(cells, [](const PlannedCell& c) { return c.request.timing; });
  if (timing && options.sweep.jobs > 1)
    return absl::InvalidArgumentError(
        fmt::format("--jobs: expected 1 where cells are timed, found {}", options.sweep.jobs));
  return absl::OkStatus();
}

ExitCode Summarize(const Options& options, const std::vector<PlannedCell>& cells,
                   const std::vector<CellOutcome>& outcomes) {
  std::map<std::string, int> counts;
  for (const CellOutcome& outcome : outcomes)
    ++counts[outcome.status ? std::string(Name(*outcome.status)) : "not begun"];
  if (options.json) {
    fmt::print("{}\n", DumpJson(ToJson(cells, outcomes), 2));
  } else {
    fmt::print("{}: {} cells", options.sweep.unit.folder, cells.size());
    for (const auto& [status, count] : counts) fmt::print(", {} {}", count, status);
    fmt::print("\n");
  }
  const bool complete = counts["complete"] == static_cast<int>(cells.size());
  return complete ? ExitCode::kDone : ExitCode::kIncomplete;
}

absl::StatusOr<ExitCode> Sweep(Options options) {
  ASSIGN_OR_RETURN(const nlohmann::json plan, ReadJsonFile(options.plan));
  CellFlags overrides;
  for (const auto& [flag, value] : options.overrides)
    if (!value.empty()) overrides[flag] = value;
  ASSIGN_OR_RETURN(const std::vector<PlannedCell> all, ReadPlan(plan, options.plan, overrides));
  RETURN_IF_ERROR(CheckOptions(options, all));
  ASSIGN_OR_RETURN(options.sweep.shard, ParseShard(options.shard));
  const std::vector<PlannedCell> cells = CellsOf(options.sweep.shard, all);
  ASSIGN_OR_RETURN(FetchOptions fetch, FetchOptionsFromEnvironment());
  const Fetcher fetcher(std::move(fetch));
  options.sweep.unit.command_line = CommandLine();
  options.sweep.watchdog = std::chrono::seconds(options.watchdog_s);

  CatchInterrupts();
  std::vector<CellOutcome> outcomes;
  {
    ProgressBar bar(options.plan, kProgressSteps, options.quiet);
    SweepCallbacks callbacks;
    callbacks.cancelled = Interrupted;
    callbacks.log = [&](const std::string& line) { bar.Log(fmt::format("kvscope sweep: {}", line)); };
    callbacks.progress = [&](double share, const std::string& note) {
      bar.Update(static_cast<uint64_t>(share * kProgressSteps), note);
    };
    ASSIGN_OR_RETURN(outcomes, RunSweep(cells, plan, fetcher, options.sweep, callbacks));
  }
  return Summarize(options, cells, outcomes);
}

}  // namespace

Action AddSweep(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("PLAN", options->plan, "JSON file: flags of 'run' and lists of their values")
      ->required();
  command
      .add_option("--out", options->sweep.unit.folder,
                  "Folder of the cells' folders; what is complete in it stays")
      ->required();
  for (const auto& [flag, help] :
       std::map<std::string, std::string>{{"model", "In place of the plan's models"},
                                          {"device", "In place of the plan's devices"},
                                          {"semantics", "In place of the plan's: clean or published"},
                                          {"kv", "In place of the plan's cache types"},
                                          {"precision", "In place of the plan's arithmetic"},
                                          {"limit", "Only the first N prompts of each cell"},
                                          {"max-new-tokens", "In place of the plan's T"},
                                          {"seed", "In place of the plan's seeds"},
                                          {"threads", "Of each worker; 0: one a core"}})
    command.add_option("--" + flag, options->overrides[flag], help);
  command.add_option("--shard", options->shard, "I/N: only the I-th of N parts of the cells")
      ->capture_default_str();
  command.add_option("--jobs", options->sweep.jobs, "Worker processes at a time")->capture_default_str();
  command
      .add_option("--batch", options->sweep.unit.batch, "Rows decoded together, where cells are not timed")
      ->capture_default_str();
  command
      .add_option("--memory", options->sweep.unit.memory_bytes,
                  "For weights, caches and working memory of all workers: 8GiB; 0: no limit")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->capture_default_str();
  command.add_option("--repetitions", options->sweep.unit.repetitions, "Of each timed cell")
      ->capture_default_str();
  command.add_option("--order-seed", options->sweep.unit.seed, "Of the order of timed cells")
      ->capture_default_str();
  command
      .add_option("--watchdog", options->watchdog_s,
                  "Seconds without a sign of life after which a worker is killed")
      ->capture_default_str();
  AddJsonFlag(command, &options->json);
  AddQuietFlag(command, &options->quiet);
  return [options] { return Sweep(*options); };
}

}  // namespace kvscope
