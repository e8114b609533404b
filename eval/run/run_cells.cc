#include "eval/run/run_cells.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include "eval/run/device.h"
#include "eval/run/sample_request.h"
#include "eval/run/sample_result.h"
#include "eval/run/timing_file.h"
#include "eval/score/prompt_file.h"
#include "eval/score/score_folder.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "results/environment.h"

namespace kvscope {
namespace {

// Those of a run that goes on from where its last record left them.
std::shared_ptr<PublishedCounters> CountersAfter(const std::vector<SampleRecord>& records,
                                                 const Method& method) {
  const std::shared_ptr<PublishedCounters> counters = SharedCounters(method);
  if (counters == nullptr || records.empty() || records.back().published_counters.size() != 3)
    return counters;
  const std::vector<int64_t>& last = records.back().published_counters;
  *counters = {.step = last[0], .jump = last[1], .jump_layer = last[2]};
  return counters;
}

// A sample to be generated.
struct Pending {
  size_t run = 0;
  size_t prompt = 0;
};

// Prompt by prompt, and for each the cells that ask it.
std::vector<Pending> PendingSamples(std::span<const CellRun> runs) {
  std::vector<const TokenizedPrompts*> sets;
  for (const CellRun& run : runs)
    if (std::ranges::find(sets, run.cell->data.get()) == sets.end()) sets.push_back(run.cell->data.get());
  std::vector<Pending> pending;
  for (const TokenizedPrompts* set : sets)
    for (size_t prompt = 0; prompt < set->prompts.size(); ++prompt)
      for (size_t run = 0; run < runs.size(); ++run)
        if (runs[run].cell->data.get() == set && prompt < runs[run].prompts &&
            !runs[run].store->Has(set->prompts[prompt].sample))
          pending.push_back({run, prompt});
  return pending;
}

// How much of the work is done: a sample is its prompt and the new tokens it may have.
class Share {
 public:
  explicit Share(const std::vector<SequenceRequest>& requests) : done_(requests.size(), 0.0) {
    for (const SequenceRequest& request : requests)
      size_.push_back(static_cast<double>(request.prompt.size()) + request.max_new_tokens);
    total_ = std::accumulate(size_.begin(), size_.end(), 0.0);
  }
  void Update(size_t request, int tokens) { Set(request, std::min<double>(tokens, size_[request])); }
  void Finish(size_t request) { Set(request, size_[request]); }
  double Value() const { return sum_ / total_; }

 private:
  void Set(size_t request, double done) {
    sum_ += done - done_[request];
    done_[request] = done;
  }

  std::vector<double> size_;
  std::vector<double> done_;
  double sum_ = 0;
  double total_ = 0;
};

absl::Status FailedSamples(const RunStore& store) {
  const auto errors =
      std::ranges::count(store.records(), std::optional(FinishReason::kError), &SampleRecord::finish);
  if (errors == 0) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: {} of {} samples ended in an error", store.folder(), errors, store.records().size()));
}

// Runs that are under way together.
class RunsInProgress {
 public:
  RunsInProgress(std::span<const CellRun> runs, const RunCallbacks& callbacks)
      : runs_(runs), callbacks_(callbacks), generated_(runs.size(), 0) {
    for (const CellRun& run : runs) closed_.push_back(run.store->run().status == RunStatus::kComplete);
  }

  absl::Status Run(const EngineOptions& options);

 private:
  absl::Status Generate(Engine& engine);
  absl::Status Record(const Pending& sample, const SequenceResult& result, const Engine& engine);
  // Status, timing and scores of a run that goes no further. `interrupted` is why, where samples are missing.
  // `engine`: null where none could be made.
  absl::Status Close(size_t run, const absl::Status& interrupted, const Engine* engine);
  // Of all that are not closed. Returns the first error.
  absl::Status CloseAll(const absl::Status& interrupted, const Engine* engine);
  void ShowProgress(const Share& share) const;

  const std::span<const CellRun> runs_;
  const RunCallbacks& callbacks_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<PublishedCounters>> counters_;  // of each run
  std::vector<size_t> generated_;                             // samples, of each run
  std::vector<bool> closed_;
  nlohmann::json device_before_;  // DeviceState when the samples began
};

absl::Status RunsInProgress::Run(const EngineOptions& options) {
  const Cell& first = *runs_.front().cell;
  const absl::StatusOr<std::unique_ptr<Engine>> engine =
      MakeEngine(first.model, options, first.run.config.device);
  if (!engine.ok()) {
    CloseAll(engine.status(), nullptr).IgnoreError();  // what kept the engine from being made matters more
    return engine.status();
  }
  const absl::Status status = Generate(**engine);
  const absl::Status closing = CloseAll(status, engine->get());
  return status.ok() ? closing : status;
}

// Also runs whose samples were all there, but whose process died before it said so.
absl::Status RunsInProgress::CloseAll(const absl::Status& interrupted, const Engine* engine) {
  absl::Status closing;
  for (size_t run = 0; run < runs_.size(); ++run) {
    if (!closed_[run]) closing.Update(Close(run, interrupted, engine));
  }
  return closing;
}

absl::Status RunsInProgress::Generate(Engine& engine) {
  const std::vector<Pending> pending = PendingSamples(runs_);
  if (pending.empty()) return absl::OkStatus();
  const Cell& first = *runs_[pending.front().run].cell;
  if (first.warm_up) RETURN_IF_ERROR(WarmUp(first, engine, callbacks_.cancelled));
  device_before_ = DeviceState(first.run.config.device);

  for (const CellRun& run : runs_) counters_.push_back(CountersAfter(run.store->records(), run.cell->method));
  std::vector<SequenceRequest> requests;
  for (const Pending& sample : pending) {
    requests.push_back(MakeRequest(*runs_[sample.run].cell, sample.prompt));
    requests.back().counters = counters_[sample.run];
  }
  Share share(requests);
  absl::Status recorded;  // the engine's callback cannot fail: the first error is kept, and stops the rest
  EngineCallbacks engine_callbacks;
  engine_callbacks.finished = [&](size_t request, const SequenceResult& result) {
    if (recorded.ok()) recorded = Record(pending[request], result, engine);
    share.Finish(request);
    ShowProgress(share);
  };
  engine_callbacks.progress = [&](size_t request, int prompt_tokens_done, int new_tokens) {
    share.Update(request, prompt_tokens_done + new_tokens);
    ShowProgress(share);
  };
  engine_callbacks.cancelled = [&] {
    return !recorded.ok() || (callbacks_.cancelled && callbacks_.cancelled());
  };
  const absl::Status generated = engine.Generate(requests, engine_callbacks);
  return recorded.ok() ? generated : recorded;
}

void RunsInProgress::ShowProgress(const Share& share) const {
  if (!callbacks_.progress) return;
  size_t samples = 0;
  for (const CellRun& run : runs_) samples += run.store->records().size();
  callbacks_.progress(share.Value(), samples);
}

absl::Status RunsInProgress::Record(const Pending& sample, const SequenceResult& result,
                                    const Engine& engine) {
  const Cell* const cell = runs_[sample.run].cell;
  RunStore* const store = runs_[sample.run].store;
  SampleRecord record =
      ToSampleRecord(cell->data->prompts[sample.prompt], cell->data->tokens[sample.prompt].size(), result,
                     *cell->tokenizer, cell->run.config.mode == "timing");
  record.prompt_cut = cell->data->cut.contains(sample.prompt);
  if (const auto& counters = counters_[sample.run]; counters != nullptr)
    record.published_counters = {counters->step, counters->jump, counters->jump_layer};
  RETURN_IF_ERROR(store->Append(record));
  ++generated_[sample.run];
  return store->IsFull() ? Close(sample.run, absl::OkStatus(), &engine) : absl::OkStatus();
}

absl::Status RunsInProgress::Close(size_t run, const absl::Status& interrupted, const Engine* engine) {
  const Cell* const cell = runs_[run].cell;
  RunStore* const store = runs_[run].store;
  closed_[run] = true;
  RunStatus status = RunStatus::kComplete;
  std::string reason;
  if (!store->IsFull()) {
    const bool cancelled = absl::IsCancelled(interrupted);
    status = interrupted.ok() || cancelled ? RunStatus::kPartial : RunStatus::kFailed;
    reason = interrupted.ok() ? "only some of the prompts were asked for"
             : cancelled      ? "interrupted"
                              : std::string(interrupted.message());
  } else if (const absl::Status errors = FailedSamples(*store); !errors.ok()) {
    status = RunStatus::kFailed;
    reason = std::string(errors.message());
  }
  const uint64_t peak_rss = PeakResidentBytes();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start_;
  TimingRecord timing{.samples = generated_[run], .peak_rss_bytes = peak_rss, .warm_up = cell->warm_up};
  if (cell->run.config.device != "emulated") timing.wall_s = wall.count();
  if (engine != nullptr) {
    timing.scratch_bytes = engine->scratch_bytes();
    timing.device_bytes_peak = engine->device_bytes_peak();
    timing.device_before = device_before_;
    timing.device_after = DeviceState(cell->run.config.device);
  }
  RETURN_IF_ERROR(WriteTiming(*store, timing));
  ASSIGN_OR_RETURN(JudgedRun judged, JudgeRun(store->folder()));
  judged.run.status = status;
  RETURN_IF_ERROR(WriteScores(judged));
  return store->SetStatus(status, reason, peak_rss);  // last: a run that says complete has all its files
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunStore>> OpenRun(const Cell& cell, const std::string& folder) {
  std::vector<std::string> samples;
  for (const Prompt& prompt : cell.data->prompts) samples.push_back(prompt.sample);
  return RunStore::Open(folder, cell.run, std::move(samples), PromptFileContent(cell.data->prompts));
}

absl::Status RunCells(std::span<const CellRun> runs, const EngineOptions& engine,
                      const RunCallbacks& callbacks) {
  return RunsInProgress(runs, callbacks).Run(engine);
}

absl::Status RunCell(const Cell& cell, RunStore& store, const RunCallbacks& callbacks) {
  const CellRun run{&cell, &store};
  RETURN_IF_ERROR(RunCells({&run, 1}, cell.engine, callbacks));
  return FailedSamples(store);
}

}  // namespace kvscope
