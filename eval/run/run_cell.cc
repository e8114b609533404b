#include "eval/run/run_cell.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include "eval/run/sample_result.h"
#include "eval/run/timing_file.h"
#include "eval/score/prompt_file.h"
#include "eval/score/score_folder.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "results/environment.h"
#include "runtime/methods/decode_schedule.h"

namespace kvscope {
namespace {

constexpr int kWarmUpTokens = 16;

// Published policies whose schedule counts on from prompt to prompt share counters, run in order, and go on
// from where the last record left them. Null for all others.
std::shared_ptr<PublishedCounters> CountersAfter(const std::vector<SampleRecord>& records,
                                                 const Method& method) {
  if (method.semantics != Semantics::kPublished || !method.decode->window_grows) return nullptr;
  auto counters = std::make_shared<PublishedCounters>();
  if (records.empty() || records.back().published_counters.size() != 3) return counters;
  const std::vector<int64_t>& last = records.back().published_counters;
  *counters = {.step = last[0], .jump = last[1], .jump_layer = last[2]};
  return counters;
}

SequenceRequest MakeRequest(const Cell& cell, size_t prompt) {
  SequenceRequest request;
  request.prompt = cell.tokens[prompt];
  request.method = cell.method;
  request.max_new_tokens = cell.method.budgets.max_new;
  request.stop_ids = cell.stop_tokens;
  return request;
}

absl::Status WarmUp(const Cell& cell, Engine& engine, const std::function<bool()>& cancelled) {
  SequenceRequest request = MakeRequest(cell, 0);
  request.max_new_tokens = std::min(request.max_new_tokens, kWarmUpTokens);
  EngineCallbacks callbacks;
  callbacks.cancelled = cancelled;
  return engine.Generate({request}, callbacks);
}

// How much of the work is done: a sample is its prompt and the new tokens it may have.
class Share {
 public:
  Share(const Cell& cell, const std::vector<size_t>& pending) : done_(pending.size(), 0.0) {
    for (const size_t prompt : pending)
      size_.push_back(static_cast<double>(cell.tokens[prompt].size()) + cell.method.budgets.max_new);
    total_ = std::accumulate(size_.begin(), size_.end(), 0.0);
  }
  void Update(size_t request, int tokens) { done_[request] = std::min<double>(tokens, size_[request]); }
  void Finish(size_t request) { done_[request] = size_[request]; }
  double Value() const { return std::accumulate(done_.begin(), done_.end(), 0.0) / total_; }

 private:
  std::vector<double> size_;
  std::vector<double> done_;
  double total_ = 0;
};

// The engine's callback cannot fail: the first error is kept, and stops the rest.
absl::Status GenerateInto(const Cell& cell, Engine& engine, const std::vector<size_t>& pending,
                          RunStore& store, const RunCallbacks& callbacks) {
  const std::shared_ptr<PublishedCounters> counters = CountersAfter(store.records(), cell.method);
  std::vector<SequenceRequest> requests;
  for (const size_t prompt : pending) requests.push_back(MakeRequest(cell, prompt));
  for (SequenceRequest& request : requests) request.counters = counters;
  Share share(cell, pending);
  absl::Status append;
  EngineCallbacks engine_callbacks;
  engine_callbacks.finished = [&](size_t request, const SequenceResult& result) {
    const size_t prompt = pending[request];
    SampleRecord record = ToSampleRecord(cell.prompts[prompt], cell.tokens[prompt].size(), result,
                                         *cell.tokenizer, cell.engine.batch == 1);
    if (counters != nullptr)
      record.published_counters = {counters->step, counters->jump, counters->jump_layer};
    if (append.ok()) append = store.Append(record);
    share.Finish(request);
    if (callbacks.progress) callbacks.progress(share.Value(), store.records().size());
  };
  engine_callbacks.progress = [&](size_t request, int prompt_tokens_done, int new_tokens) {
    share.Update(request, prompt_tokens_done + new_tokens);
    if (callbacks.progress) callbacks.progress(share.Value(), store.records().size());
  };
  engine_callbacks.cancelled = [&] { return !append.ok() || (callbacks.cancelled && callbacks.cancelled()); };
  const absl::Status generated = engine.Generate(requests, engine_callbacks);
  return append.ok() ? generated : append;
}

size_t Errors(const RunStore& store) {
  return static_cast<size_t>(
      std::ranges::count(store.records(), std::optional(FinishReason::kError), &SampleRecord::finish));
}

absl::Status WriteResults(const RunStore& store, const TimingRecord& timing) {
  RETURN_IF_ERROR(WriteTiming(store, timing));
  ASSIGN_OR_RETURN(const JudgedRun judged, JudgeRun(store.folder()));
  return WriteScores(judged);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunStore>> OpenRun(const Cell& cell, const std::string& folder) {
  std::vector<std::string> samples;
  for (const Prompt& prompt : cell.prompts) samples.push_back(prompt.sample);
  return RunStore::Open(folder, cell.run, std::move(samples), PromptFileContent(cell.prompts));
}

absl::Status RunCell(const Cell& cell, RunStore& store, const RunCallbacks& callbacks) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<size_t> pending;
  for (size_t i = 0; i < cell.prompts.size(); ++i)
    if (!store.Has(cell.prompts[i].sample)) pending.push_back(i);
  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Create(cell.model, cell.engine));
  absl::Status status;
  if (cell.warm_up && !pending.empty()) status = WarmUp(cell, *engine, callbacks.cancelled);
  if (status.ok()) status = GenerateInto(cell, *engine, pending, store, callbacks);

  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const TimingRecord timing{.wall_s = wall.count(),
                            .samples = pending.size(),
                            .scratch_bytes = engine->scratch_bytes(),
                            .warm_up = cell.warm_up};
  const uint64_t peak_rss = PeakResidentBytes();
  if (!status.ok()) {
    const bool cancelled = status.code() == absl::StatusCode::kCancelled;
    const std::string reason = cancelled ? "interrupted" : std::string(status.message());
    RETURN_IF_ERROR(store.SetStatus(cancelled ? RunStatus::kPartial : RunStatus::kFailed, reason, peak_rss));
  } else if (const size_t errors = Errors(store); errors > 0) {
    status = absl::DataLossError(fmt::format("{}: {} of {} samples ended in an error", store.folder(), errors,
                                             store.records().size()));
    RETURN_IF_ERROR(store.SetStatus(RunStatus::kFailed, std::string(status.message()), peak_rss));
  } else {
    RETURN_IF_ERROR(store.SetStatus(RunStatus::kComplete, "", peak_rss));
  }
  RETURN_IF_ERROR(WriteResults(store, timing));
  return status;
}

}  // namespace kvscope
