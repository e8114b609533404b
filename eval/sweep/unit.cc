#include "eval/sweep/unit.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "eval/run/interrupt.h"
#include "eval/run/run_cells.h"
#include "eval/sweep/memory.h"
#include "eval/sweep/timed_cells.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

// What decides with which others a cell can share a process's weights and a batch.
auto GroupKey(const RunRequest& request) {
  return std::tuple(request.timing, request.model, request.device, request.precision, request.kv,
                    request.threads);
}

// A cell that a unit can begin.
struct OpenCell {
  size_t index = 0;
  Cell cell;
  std::unique_ptr<RunStore> store;
};

class UnitRun {
 public:
  UnitRun(std::span<const PlannedCell> cells, const Unit& unit, const Fetcher& fetcher,
          const UnitOptions& options, const SendMessage& send)
      : cells_(cells), unit_(unit), fetcher_(fetcher), options_(options), send_(send) {}

  void Run();

 private:
  void Open();
  // What all cells that are open run with. ResourceExhausted: --memory is too small.
  absl::StatusOr<EngineOptions> Engine() const;
  // Returns one status a cell.
  std::vector<absl::Status> RunOpen();
  absl::Status SearchKnees(const std::vector<CellRun>& runs, const EngineOptions& engine);
  RunCallbacks Callbacks();
  void SendOutcome(size_t cell, RunStatus status, const std::string& reason);
  void SendOutcome(const OpenCell& open, const absl::Status& status);

  const std::span<const PlannedCell> cells_;
  const Unit& unit_;
  const Fetcher& fetcher_;
  const UnitOptions& options_;
  const SendMessage& send_;
  std::vector<OpenCell> open_;
  std::chrono::steady_clock::time_point next_progress_{};
};

void UnitRun::SendOutcome(size_t cell, RunStatus status, const std::string& reason) {
  send_({{"cell", cell}, {"status", Name(status)}, {"reason", reason}});
}

// What the run's own file says, unless more went wrong than that knows of.
void UnitRun::SendOutcome(const OpenCell& open, const absl::Status& status) {
  const RunRecord& run = open.store->run();
  const bool all_done = status.ok() || (run.status == RunStatus::kComplete && !unit_.timing);
  if (all_done || run.status == RunStatus::kFailed)
    SendOutcome(open.index, run.status, run.reason);
  else if (absl::IsCancelled(status))
    SendOutcome(open.index, RunStatus::kPartial, "interrupted");
  else
    SendOutcome(open.index, RunStatus::kFailed, std::string(status.message()));
}

void UnitRun::Open() {
  CellMaker maker(fetcher_, options_.command_line);
  for (const size_t index : unit_.cells) {
    RunRequest request = cells_[index].request;
    request.batch = unit_.timing ? 1 : options_.batch;
    absl::StatusOr<Cell> cell = maker.Make(request);
    absl::Status status = cell.status();
    if (status.ok()) {
      auto store = OpenRun(*cell, RunPath(options_.folder, cells_[index].name));
      status = store.status();
      if (status.ok()) open_.push_back({index, *std::move(cell), *std::move(store)});
    }
    if (!status.ok()) {
      SendOutcome(index, RunStatus::kFailed, std::string(status.message()));
      continue;
    }
    for (const std::string& note : open_.back().cell.notes)
      send_({{"note", fmt::format("{}: {}", cells_[index].name, note)}});
    // A search for knees and repetitions want complete runs, too.
    if (!unit_.timing && !options_.knee && open_.back().store->run().status == RunStatus::kComplete) {
      SendOutcome(open_.back(), absl::OkStatus());
      open_.pop_back();
    }
  }
}

absl::StatusOr<EngineOptions> UnitRun::Engine() const {
  EngineOptions engine = open_.front().cell.engine;
  if (options_.memory_bytes == 0) return engine;
  size_t longest_prompt = 0;
  for (const OpenCell& open : open_)
    for (const std::vector<int>& tokens : open.cell.data->tokens)
      longest_prompt = std::max(longest_prompt, tokens.size());
  ASSIGN_OR_RETURN(engine.cache_bytes, CacheBytes(options_.memory_bytes, *open_.front().cell.model,
                                                  static_cast<size_t>(engine.batch), longest_prompt));
  return engine;
}

absl::Status UnitRun::SearchKnees(const std::vector<CellRun>& runs, const EngineOptions& engine) {
  ASSIGN_OR_RETURN(const std::vector<Knee> knees, FindKnees(runs, engine, *options_.knee, Callbacks()));
  for (const Knee& knee : knees) send_({{"knee", ToJson(knee, *options_.knee)}});
  return absl::OkStatus();
}

RunCallbacks UnitRun::Callbacks() {
  RunCallbacks callbacks;
  callbacks.cancelled = Interrupted;
  callbacks.progress = [this](double share, size_t samples) {
    constexpr auto kInterval = std::chrono::milliseconds(100);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_progress_) return;
    next_progress_ = now + kInterval;
    send_({{"share", share}, {"samples", samples}});
  };
  return callbacks;
}

std::vector<absl::Status> UnitRun::RunOpen() {
  const absl::StatusOr<EngineOptions> engine = Engine();
  if (!engine.ok()) return std::vector(open_.size(), engine.status());
  std::vector<CellRun> runs;
  for (OpenCell& open : open_) {
    open.cell.engine = *engine;
    runs.push_back({&open.cell, open.store.get()});
  }
  if (unit_.timing) return RunTimedCells(runs, {options_.repetitions, options_.seed}, Callbacks());
  return std::vector(runs.size(),
                     options_.knee ? SearchKnees(runs, *engine) : RunCells(runs, *engine, Callbacks()));
}

void UnitRun::Run() {
  Open();
  if (open_.empty()) return;
  const std::vector<absl::Status> statuses = RunOpen();
  for (size_t i = 0; i < open_.size(); ++i) SendOutcome(open_[i], statuses[i]);
}

}  // namespace

std::vector<Unit> MakeUnits(std::span<const PlannedCell> cells, int jobs) {
  std::map<decltype(GroupKey(cells.front().request)), std::vector<size_t>> groups;
  for (size_t i = 0; i < cells.size(); ++i) groups[GroupKey(cells[i].request)].push_back(i);
  std::vector<Unit> units;
  for (const auto& [key, members] : groups) {
    const bool timing = std::get<0>(key);
    const size_t parts = timing ? 1 : std::min(members.size(), static_cast<size_t>(jobs));
    for (size_t part = 0; part < parts; ++part) {
      const size_t begin = members.size() * part / parts, end = members.size() * (part + 1) / parts;
      units.push_back({.cells = {members.begin() + static_cast<ptrdiff_t>(begin),
                                 members.begin() + static_cast<ptrdiff_t>(end)},
                       .timing = timing});
    }
  }
  return units;
}

void RunUnit(std::span<const PlannedCell> cells, const Unit& unit, const Fetcher& fetcher,
             const UnitOptions& options, const SendMessage& send) {
  UnitRun(cells, unit, fetcher, options, send).Run();
}

}  // namespace kvscope
