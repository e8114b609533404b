#include "eval/sweep/sweep.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "results/folder_lock.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

constexpr int kIndent = 2;
constexpr auto kPollInterval = std::chrono::milliseconds(200);

// A killed sweep's worker dies a moment after it, and holds the lock until then.
absl::StatusOr<std::unique_ptr<FolderLock>> TakeLock(const std::string& folder) {
  constexpr int kTries = 30;
  constexpr auto kPause = std::chrono::milliseconds(100);
  RETURN_IF_ERROR(MakeFolder(folder));
  absl::StatusOr<std::unique_ptr<FolderLock>> lock = FolderLock::Take(folder);
  for (int i = 1; i < kTries && lock.status().code() == absl::StatusCode::kAlreadyExists; ++i) {
    std::this_thread::sleep_for(kPause);
    lock = FolderLock::Take(folder);
  }
  return lock;
}

struct RunningUnit {
  Unit unit;
  std::string device;  // of options.devices; empty where there are none
  std::unique_ptr<Worker> worker;
  double share = 0;
  bool hung = false;
};

class Sweep {
 public:
  Sweep(std::span<const PlannedCell> cells, const nlohmann::json& plan, const Fetcher& fetcher,
        const SweepOptions& options, const SweepCallbacks& callbacks)
      : cells_(cells),
        plan_(plan),
        fetcher_(fetcher),
        options_(options),
        callbacks_(callbacks),
        outcomes_(cells.size()) {}

  absl::StatusOr<SweepResult> Run();

 private:
  absl::Status StartWorkers();
  std::string FreeDevice() const;
  void WaitForMessages() const;
  void CheckWatchdog();
  void Take(RunningUnit& running, const nlohmann::json& message);
  // The worker has ended; what it left open is tried again, cell by cell, or has failed.
  void End(RunningUnit& running);
  void Stop();
  void ShowProgress() const;
  absl::Status Save() const {
    return WriteSweepFile(options_.unit.folder, options_.shard, plan_, cells_, outcomes_);
  }

  const std::span<const PlannedCell> cells_;
  const nlohmann::json& plan_;
  const Fetcher& fetcher_;
  const SweepOptions& options_;
  const SweepCallbacks& callbacks_;
  std::vector<CellOutcome> outcomes_;
  nlohmann::json knees_ = nlohmann::json::array();
  std::deque<Unit> waiting_;
  std::vector<RunningUnit> running_;
  bool stopping_ = false;
};

absl::StatusOr<SweepResult> Sweep::Run() {
  for (Unit& unit : MakeUnits(cells_, options_.jobs)) waiting_.push_back(std::move(unit));
  RETURN_IF_ERROR(Save());
  while (!waiting_.empty() || !running_.empty()) {
    if (callbacks_.cancelled && callbacks_.cancelled()) Stop();
    RETURN_IF_ERROR(StartWorkers());
    WaitForMessages();
    for (size_t i = 0; i < running_.size();) {
      const bool alive =
          running_[i].worker->Receive([&](const nlohmann::json& message) { Take(running_[i], message); });
      if (alive) {
        ++i;
        continue;
      }
      End(running_[i]);
      running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
      RETURN_IF_ERROR(Save());
    }
    CheckWatchdog();
    ShowProgress();
  }
  if (options_.unit.knee)
    RETURN_IF_ERROR(
        WriteFileAtomically(RunPath(options_.unit.folder, kKneeFile), DumpJson(knees_, kIndent) + "\n"));
  return SweepResult{outcomes_, knees_};
}

absl::Status Sweep::StartWorkers() {
  while (!waiting_.empty() && running_.size() < static_cast<size_t>(options_.jobs)) {
    const std::string device = FreeDevice();
    RunningUnit& running = running_.emplace_back();
    running.unit = std::move(waiting_.front());
    running.device = device;
    waiting_.pop_front();
    ASSIGN_OR_RETURN(running.worker, Worker::Start([&](const SendMessage& send) {
                       if (!device.empty()) ::setenv("CUDA_VISIBLE_DEVICES", device.c_str(), /*overwrite=*/1);
                       RunUnit(cells_, running.unit, fetcher_, options_.unit, send);
                     }));
  }
  return absl::OkStatus();
}

std::string Sweep::FreeDevice() const {
  const auto free = std::ranges::find_if(options_.devices, [&](const std::string& device) {
    return std::ranges::find(running_, device, &RunningUnit::device) == running_.end();
  });
  return free != options_.devices.end() ? *free : "";
}

void Sweep::WaitForMessages() const {
  std::vector<pollfd> fds;
  for (const RunningUnit& running : running_) fds.push_back({running.worker->fd(), POLLIN, 0});
  ::poll(fds.data(), fds.size(), static_cast<int>(kPollInterval.count()));
}

void Sweep::CheckWatchdog() {
  for (RunningUnit& running : running_) {
    if (std::chrono::steady_clock::now() - running.worker->last_message() < options_.watchdog) continue;
    running.hung = true;
    running.worker->Signal(SIGKILL);
  }
}

void Sweep::Take(RunningUnit& running, const nlohmann::json& message) {
  if (message.contains("share")) running.share = message["share"].get<double>();
  if (message.contains("note") && callbacks_.log) callbacks_.log(message["note"].get<std::string>());
  if (message.contains("knee")) knees_.push_back(message["knee"]);
  if (!message.contains("cell")) return;
  const size_t cell = message["cell"].get<size_t>();
  outcomes_[cell] = {RunStatusOf(message["status"].get<std::string>()), message["reason"].get<std::string>()};
  if (outcomes_[cell].status == RunStatus::kFailed && callbacks_.log)
    callbacks_.log(fmt::format("{}: failed: {}", cells_[cell].name, outcomes_[cell].reason));
}

void Sweep::End(RunningUnit& running) {
  std::string end = running.worker->Wait();
  if (running.hung) end = fmt::format("no sign of life for {} s, {}", options_.watchdog.count(), end);
  if (end.empty()) return;
  for (const size_t cell : running.unit.cells) {
    if (outcomes_[cell].status) continue;
    if (stopping_) {
      outcomes_[cell] = {RunStatus::kPartial, "interrupted"};
    } else if (running.unit.alone || options_.unit.knee) {
      outcomes_[cell] = {RunStatus::kFailed, fmt::format("the worker was {}", end)};
    } else {
      waiting_.push_back({.cells = {cell}, .timing = running.unit.timing, .alone = true});
    }
    if (callbacks_.log)
      callbacks_.log(fmt::format("{}: worker {}{}", cells_[cell].name, end,
                                 outcomes_[cell].status ? "" : "; it is tried again alone"));
  }
}

void Sweep::Stop() {
  if (stopping_) return;
  stopping_ = true;
  waiting_.clear();
  for (RunningUnit& running : running_) running.worker->Signal(SIGTERM);
}

void Sweep::ShowProgress() const {
  if (!callbacks_.progress) return;
  double done = 0;
  for (const CellOutcome& outcome : outcomes_) done += outcome.status.has_value();
  const auto ended = static_cast<size_t>(done);
  for (const RunningUnit& running : running_)
    for (const size_t cell : running.unit.cells)
      if (!outcomes_[cell].status) done += running.share;
  callbacks_.progress(done / static_cast<double>(cells_.size()),
                      fmt::format("{}/{} cells", ended, cells_.size()));
}

}  // namespace

std::vector<PlannedCell> CellsOf(const Shard& shard, std::span<const PlannedCell> cells) {
  const size_t n = cells.size(), count = static_cast<size_t>(shard.count);
  const size_t index = static_cast<size_t>(shard.index - 1);
  const auto part = cells.subspan(n * index / count, n * (index + 1) / count - n * index / count);
  return {part.begin(), part.end()};
}

absl::StatusOr<SweepResult> RunSweep(std::span<const PlannedCell> cells, const nlohmann::json& plan,
                                     const Fetcher& fetcher, const SweepOptions& options,
                                     const SweepCallbacks& callbacks) {
  RETURN_IF_ERROR(MakeFolder(options.unit.folder));
  const std::string file = SweepFileName(options.shard);
  ASSIGN_OR_RETURN(const auto lock, TakeLock(RunPath(options.unit.folder, ".lock." + file)));
  return Sweep(cells, plan, fetcher, options, callbacks).Run();
}

}  // namespace kvscope
