#include "eval/sweep/timed_cells.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "eval/run/device.h"
#include "eval/run/sample_request.h"
#include "eval/run/sample_result.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "results/repetitions.h"

namespace kvscope {
namespace {

struct TimedRun {
  CellRun run;
  std::unique_ptr<RepetitionJournal> journal;
  absl::Status status;
};

std::vector<size_t> RandomOrder(size_t n, std::mt19937_64& random) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

// The run itself is the first repetition.
absl::Status RecordFirst(const TimedRun& timed) {
  for (const SampleRecord& record : timed.run.store->records())
    if (record.time && !timed.journal->Has(0, record.sample))
      RETURN_IF_ERROR(timed.journal->Append({0, record.sample, *record.time}));
  return absl::OkStatus();
}

absl::Status Repeat(const TimedRun& timed, int repetition, const RunCallbacks& callbacks) {
  const Cell* const cell = timed.run.cell;
  const RunStore* const store = timed.run.store;
  std::map<std::string, const SampleRecord*> first;
  for (const SampleRecord& record : store->records()) first[record.sample] = &record;
  const auto recorded_already = [&](size_t prompt) {
    return timed.journal->Has(repetition, cell->data->prompts[prompt].sample);
  };
  const size_t prompts = cell->data->prompts.size();
  const std::shared_ptr<PublishedCounters> counters = SharedCounters(cell->method);
  std::vector<size_t> pending;
  std::vector<SequenceRequest> requests;
  for (size_t prompt = 0; prompt < prompts; ++prompt) {
    // Who counts on from prompt to prompt needs those before, too.
    if (recorded_already(prompt) && counters == nullptr) continue;
    pending.push_back(prompt);
    requests.push_back(MakeRequest(*cell, prompt));
    requests.back().counters = counters;
  }
  if (std::ranges::all_of(pending, recorded_already)) return absl::OkStatus();

  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                   MakeEngine(cell->model, cell->engine, cell->run.config.device));
  RETURN_IF_ERROR(WarmUp(*cell, *engine, callbacks.cancelled));
  absl::Status recorded;
  EngineCallbacks engine_callbacks;
  engine_callbacks.finished = [&](size_t request, const SequenceResult& result) {
    if (!recorded.ok() || recorded_already(pending[request])) return;
    const Prompt& prompt = cell->data->prompts[pending[request]];
    const SampleRecord again =
        ToSampleRecord(prompt, requests[request].prompt.size(), result, *cell->tokenizer, /*timed=*/true);
    if (again.token_ids_sha256 != first.at(prompt.sample)->token_ids_sha256)
      recorded = absl::InternalError(fmt::format("{}: repetition {} of '{}' differs from the first{}",
                                                 store->folder(), repetition, prompt.sample,
                                                 result.error.empty() ? "" : ": " + result.error));
    else
      recorded = timed.journal->Append({repetition, prompt.sample, *again.time});
  };
  engine_callbacks.cancelled = [&] {
    return !recorded.ok() || (callbacks.cancelled && callbacks.cancelled());
  };
  engine_callbacks.progress = [&](size_t request, int, int) {
    if (callbacks.progress)
      callbacks.progress(static_cast<double>(request) / static_cast<double>(pending.size()),
                         store->records().size());
  };
  const absl::Status generated = engine->Generate(requests, engine_callbacks);
  return recorded.ok() ? generated : recorded;
}

absl::Status RunOnce(const TimedRun& timed, int repetition, const RunCallbacks& callbacks) {
  if (repetition > 0) return Repeat(timed, repetition, callbacks);
  if (timed.run.store->run().status != RunStatus::kComplete)
    RETURN_IF_ERROR(RunCell(*timed.run.cell, *timed.run.store, callbacks));
  return RecordFirst(timed);
}

}  // namespace

std::vector<absl::Status> RunTimedCells(std::span<const CellRun> runs, const TimingPlan& plan,
                                        const RunCallbacks& callbacks) {
  std::vector<TimedRun> timed;
  for (const CellRun& run : runs) {
    absl::StatusOr<std::unique_ptr<RepetitionJournal>> journal = RepetitionJournal::Open(run.store->folder());
    timed.push_back({run, journal.ok() ? *std::move(journal) : nullptr, journal.status()});
  }
  const double total = static_cast<double>(runs.size()) * plan.repetitions;
  double done = 0;
  RunCallbacks part = callbacks;
  if (callbacks.progress)
    part.progress = [&](double share, size_t samples) {
      callbacks.progress((done + share) / total, samples);
    };
  std::mt19937_64 random(plan.seed);
  for (int repetition = 0; repetition < plan.repetitions; ++repetition) {
    for (const size_t i : RandomOrder(timed.size(), random)) {
      const bool cancelled = callbacks.cancelled && callbacks.cancelled();
      if (timed[i].status.ok())
        timed[i].status =
            cancelled ? absl::CancelledError("interrupted") : RunOnce(timed[i], repetition, part);
      ++done;
    }
  }
  std::vector<absl::Status> statuses;
  for (const TimedRun& run : timed) statuses.push_back(run.status);
  return statuses;
}

}  // namespace kvscope
