#include "eval/sweep/unit.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "eval/run/interrupt.h"
#include "eval/run/run_cells.h"
#include "eval/sweep/timed_cells.h"
#include "fmt/format.h"
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
  EngineOptions FusedEngine() const;
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

// What the run's own file says; a run that is complete may still lack repetitions.
void UnitRun::SendOutcome(const OpenCell& open, const absl::Status& status) {
  const RunRecord& run = open.store->run();
  if (run.status != RunStatus::kComplete || status.ok())
    SendOutcome(open.index, run.status, run.reason);
  else
    SendOutcome(open.index, absl::IsCancelled(status) ? RunStatus::kPartial : RunStatus::kFailed,
                std::string(status.message()));
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
    if (!unit_.timing && open_.back().store->run().status == RunStatus::kComplete) {
      SendOutcome(open_.back(), absl::OkStatus());
      open_.pop_back();
    }
  }
}

EngineOptions UnitRun::FusedEngine() const { return open_.front().cell.engine; }

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

void UnitRun::Run() {
  Open();
  if (open_.empty()) return;
  std::vector<CellRun> runs;
  for (const OpenCell& open : open_) runs.push_back({&open.cell, open.store.get()});
  std::vector<absl::Status> statuses;
  if (unit_.timing)
    statuses = RunTimedCells(runs, {options_.repetitions, options_.seed}, Callbacks());
  else
    statuses.assign(runs.size(), RunCells(runs, FusedEngine(), Callbacks()));
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
