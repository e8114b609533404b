#include "eval/sweep/sweep.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "eval/plan/built_in_plans.h"
#include "eval/plan/planned_cell.h"
#include "eval/run/interrupt.h"
#include "eval/sweep/forecast.h"
#include "eval/sweep/worker_devices.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
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
  std::string devices;
  SweepOptions sweep;
  int64_t watchdog_s = 1800;
  bool timing = false;
  bool dry_run = false;
  std::string on = "cpu";
  bool find_knee = false;
  KneeOptions knee;
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
  if (options.find_knee && (options.sweep.jobs > 1 || options.shard != "1/1"))
    return absl::InvalidArgumentError(
        "--find-knee looks at all cells one after the other: no --jobs, no --shard");
  if (options.knee.margin_points <= 0 || options.knee.margin_points > 100)
    return absl::InvalidArgumentError(
        fmt::format("--margin: expected above 0 to 100 points, found {}", options.knee.margin_points));
  if (options.knee.alpha <= 0 || options.knee.alpha >= 0.5)
    return absl::InvalidArgumentError(
        fmt::format("--alpha: expected between 0 and 0.5, found {}", options.knee.alpha));
  RETURN_IF_ERROR(at_least("--looks", options.knee.looks, 1));
  const bool timing = std::ranges::any_of(cells, [](const PlannedCell& c) { return c.request.timing; });
  if (timing && options.find_knee)
    return absl::InvalidArgumentError("--find-knee compares accuracies: the plan's cells may not be timed");
  if (timing && options.sweep.jobs > 1)
    return absl::InvalidArgumentError(fmt::format("{}: expected 1 where cells are timed, found {}",
                                                  options.devices.empty() ? "--jobs" : "--devices",
                                                  options.sweep.jobs));
  return absl::OkStatus();
}

// A worker for each device.
absl::Status UseDevices(const std::vector<PlannedCell>& cells, Options& options) {
  if (options.devices.empty()) return absl::OkStatus();
  if (options.sweep.jobs != 1)
    return absl::InvalidArgumentError("--devices: one worker runs on each device: no --jobs");
  if (std::ranges::all_of(cells, [](const PlannedCell& c) { return c.request.device == "cpu"; }))
    return absl::InvalidArgumentError("--devices: no cell of the plan runs on a device: see --device");
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  ASSIGN_OR_RETURN(options.sweep.devices, WorkerDevices(options.devices, visible != nullptr ? visible : ""));
  options.sweep.jobs = static_cast<int>(options.sweep.devices.size());
  return absl::OkStatus();
}

void PrintKnee(const nlohmann::json& knee) {
  for (const nlohmann::json& step : knee["steps"])
    fmt::print("  W = {}: {} after {} prompts, {:+.2f} points against full (p = {:.4f}, alpha here {:.4f})\n",
               step["window"].get<int>(), step["decision"].get<std::string>(), step["prompts"].get<int>(),
               step["difference_points"].get<double>(), step["not_inferior_p"].get<double>(),
               step["nominal_alpha"].get<double>());
  if (knee["window"].is_null())
    fmt::print("  no window of the plan was shown to be within {} points of full\n",
               knee["margin_points"].get<double>());
  else
    fmt::print("  knee: W = {}{}\n", knee["window"].get<int>(),
               knee["smallest_of_plan"].get<bool>() ? ", the plan's smallest window" : "");
}

// Whether every curve's search ended with a decision.
bool Decided(const nlohmann::json& knees) {
  return std::ranges::all_of(
      knees, [](const nlohmann::json& knee) { return knee["steps"].back()["decision"] != "undecided"; });
}

ExitCode Summarize(const Options& options, const std::vector<PlannedCell>& cells, const SweepResult& result) {
  std::map<std::string, int> counts;
  for (const CellOutcome& outcome : result.cells)
    ++counts[outcome.status ? std::string(Name(*outcome.status)) : "not begun"];
  if (options.json) {
    fmt::print("{}\n", DumpJson(options.find_knee ? result.knees : ToJson(cells, result.cells), 2));
  } else {
    fmt::print("{}: {} cells", options.sweep.unit.folder, cells.size());
    for (const auto& [status, count] : counts) fmt::print(", {} {}", count, status);
    fmt::print("\n");
    for (const nlohmann::json& knee : result.knees) {
      fmt::print("{}\n", knee["cell"].get<std::string>());
      PrintKnee(knee);
    }
  }
  const auto size = static_cast<int>(cells.size());
  if (!options.find_knee) return counts["complete"] == size ? ExitCode::kDone : ExitCode::kIncomplete;
  if (counts["complete"] + counts["partial"] != size || result.knees.empty()) return ExitCode::kIncomplete;
  return Decided(result.knees) ? ExitCode::kDone : ExitCode::kInconclusive;
}

absl::StatusOr<ExitCode> DryRun(const Options& options, const std::vector<PlannedCell>& cells,
                                const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(const DeviceFigures device, FindDevice(options.on, GetMachine().cores));
  const std::vector<CellForecast> forecasts = Forecast(cells, fetcher, device);
  if (options.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const CellForecast& forecast : forecasts) list.push_back(ToJson(forecast));
    fmt::print("{}\n", DumpJson(list, 2));
  } else {
    fmt::print("{}", ToText(forecasts, device));
  }
  const bool all = std::ranges::all_of(forecasts, [](const CellForecast& f) { return f.status.ok(); });
  return all ? ExitCode::kDone : ExitCode::kIncomplete;
}

absl::StatusOr<ExitCode> Sweep(Options options) {
  ASSIGN_OR_RETURN(const nlohmann::json plan, LoadPlan(options.plan));
  CellFlags overrides;
  for (const auto& [flag, value] : options.overrides)
    if (!value.empty()) overrides[flag] = value;
  if (options.timing) overrides["timing"] = true;
  ASSIGN_OR_RETURN(const std::vector<PlannedCell> all, ReadPlan(plan, options.plan, overrides));
  RETURN_IF_ERROR(UseDevices(all, options));
  RETURN_IF_ERROR(CheckOptions(options, all));
  ASSIGN_OR_RETURN(options.sweep.shard, ParseShard(options.shard));
  const std::vector<PlannedCell> cells = CellsOf(options.sweep.shard, all);
  ASSIGN_OR_RETURN(FetchOptions fetch, FetchOptionsFromEnvironment());
  const Fetcher fetcher(std::move(fetch));
  if (options.dry_run) return DryRun(options, cells, fetcher);
  if (options.sweep.unit.folder.empty()) return absl::InvalidArgumentError("--out is required");
  options.sweep.unit.command_line = CommandLine();
  options.sweep.unit.memory_bytes /= static_cast<uint64_t>(options.sweep.jobs);
  if (options.find_knee) options.sweep.unit.knee = options.knee;
  options.sweep.watchdog = std::chrono::seconds(options.watchdog_s);

  CatchInterrupts();
  SweepResult result;
  {
    ProgressBar bar(options.plan, kProgressSteps, options.quiet);
    SweepCallbacks callbacks;
    callbacks.cancelled = Interrupted;
    callbacks.log = [&](const std::string& line) { bar.Log(fmt::format("kvscope sweep: {}", line)); };
    callbacks.progress = [&](double share, const std::string& note) {
      bar.Update(static_cast<uint64_t>(share * kProgressSteps), note);
    };
    ASSIGN_OR_RETURN(result, RunSweep(cells, plan, fetcher, options.sweep, callbacks));
  }
  return Summarize(options, cells, result);
}

}  // namespace

Action AddSweep(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command
      .add_option("PLAN", options->plan,
                  fmt::format("JSON file with flags of 'run' and lists of their values, or one of {}",
                              fmt::join(BuiltInPlanNames(), ", ")))
      ->required();
  command.add_option("--out", options->sweep.unit.folder,
                     "Folder of the cells' folders; what is complete in it stays");
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
  command.add_flag("--timing", options->timing, "Time every cell, whatever the plan says");
  command.add_option("--shard", options->shard, "I/N: only the I-th of N parts of the cells")
      ->capture_default_str();
  command.add_option("--jobs", options->sweep.jobs, "Worker processes at a time")->capture_default_str();
  command.add_option("--devices", options->devices,
                     "Ordinals of CUDA devices, as 0,1: a worker process on each, in place of --jobs");
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
  command.add_flag("--dry-run", options->dry_run,
                   "Show cells, tokens, KV bytes and expected times, run nothing");
  command.add_option("--on", options->on, "Of --dry-run: the device whose times are expected")
      ->check(CLI::IsMember(DeviceNames()))
      ->capture_default_str();
  command.add_flag(
      "--find-knee", options->find_knee,
      "Run only what it takes to find each method's smallest window that is not inferior to 'full'");
  command
      .add_option("--margin", options->knee.margin_points,
                  "Of --find-knee: loss in points that does not matter")
      ->capture_default_str();
  command.add_option("--alpha", options->knee.alpha, "Of --find-knee: chance of a false claim")
      ->capture_default_str();
  command
      .add_option("--looks", options->knee.looks,
                  "Of --find-knee: at how many numbers of prompts a window may be decided")
      ->capture_default_str();
  AddJsonFlag(command, &options->json);
  AddQuietFlag(command, &options->quiet);
  return [options] { return Sweep(*options); };
}

}  // namespace kvscope
