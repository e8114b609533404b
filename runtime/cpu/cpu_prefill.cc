#include "runtime/cpu/cpu_prefill.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "results/base/status_macros.h"
#include "runtime/cpu/stopwatch.h"
#include "runtime/methods/prefill_selection.h"
#include "runtime/methods/random_score.h"

namespace kvscope {
namespace {

// Prompt tokens that pass through a layer's products together: enough to reuse the dequantized weights, few
// enough for their activations to stay in the second-level cache.
constexpr size_t kPrefillChunk = 128;

std::vector<int> FirstPositions(size_t n) {
  std::vector<int> positions(n);
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

std::vector<Method> Methods(const PrefillRequest& request) {
  std::vector<Method> methods;
  for (const PrefillRow& row : request.rows) methods.push_back(row.method);
  return methods;
}

KeyScores RandomScores(const Method& method, size_t layer, size_t head, int prompt) {
  KeyScores scores(static_cast<size_t>(std::max(0, prompt - ObservationWindow(method))));
  for (size_t t = 0; t < scores.size(); ++t) {
    scores[t] = RandomScore(method.budgets.seed, static_cast<int>(layer), static_cast<int>(head),
                            static_cast<int>(t));
  }
  return scores;
}

}  // namespace

CpuPrefill::LayerCaches::LayerCaches(std::vector<HeadCache> whole) : made_(whole.size()) {
  const std::vector<int> all = FirstPositions(whole.front().size());
  for (size_t head = 0; head < whole.size(); ++head) made_[head].push_back({all, std::move(whole[head])});
}

HeadCache CpuPrefill::LayerCaches::Select(size_t kv_head, std::vector<int> rows) {
  std::vector<Made>& made = made_[kv_head];
  const auto equal = std::find_if(made.begin(), made.end(), [&](const Made& m) { return m.rows == rows; });
  if (equal != made.end()) return equal->cache.Fork();
  HeadCache selected = made.front().cache.Subset(rows);  // slot t of the whole prompt holds position t
  made.push_back({std::move(rows), std::move(selected)});
  return made.back().cache.Fork();
}

CpuPrefill::CpuPrefill(Transformer& transformer, BlockActivations& activations, KvType kv_type,
                       PageLedger& ledger, const PrefillRequest& request)
    : transformer_(transformer),
      activations_(activations),
      kv_type_(kv_type),
      ledger_(ledger),
      request_(request),
      positions_(FirstPositions(request.prompt.size())),
      methods_(Methods(request)),
      scores_(methods_, request.prompt.size()),
      attention_(request.prompt.size()) {
  for (const Method& method : methods_) rows_.push_back({.sequence = std::make_unique<CpuSequence>(method)});
}

std::vector<HeadCache> CpuPrefill::RunLayer(size_t layer) {
  auto& [x, q, k, v, attention] = activations_;
  const size_t prompt = positions_.size(), head_dim = config().head_dim;
  for (size_t first = 0; first < prompt; first += kPrefillChunk) {
    const size_t n = std::min(kPrefillChunk, prompt - first);
    transformer_.Project(layer, x, first, std::span(positions_).subspan(first, n), q, k, v);
  }
  std::vector<HeadCache> caches;
  for (size_t head = 0; head < config().kv_heads; ++head) caches.emplace_back(kv_type_, head_dim, ledger_);
  transformer_.pool().ParallelFor(caches.size(), [&](size_t head, int) {
    for (size_t t = 0; t < prompt; ++t) {
      caches[head].Append(positions_[t], activations_.k.row(t) + head * head_dim,
                          activations_.v.row(t) + head * head_dim);
    }
  });
  attention_.Run(transformer_, caches, q, attention, scores_);
  for (size_t first = 0; first < prompt; first += kPrefillChunk) {
    transformer_.Finish(layer, attention, first, std::min(kPrefillChunk, prompt - first), x);
  }
  return caches;
}

absl::Status CpuPrefill::Compress(size_t layer, size_t row, LayerCaches& caches) {
  const Method& method = methods_[row];
  CpuSequence& sequence = *rows_[row].sequence;
  const size_t heads = method.CachesQueryHeads() ? config().heads : config().kv_heads;
  const size_t group = heads / caches.heads();
  const int prompt = static_cast<int>(positions_.size());
  const LayerIndex index{static_cast<int>(layer), static_cast<int>(config().layers)};
  std::vector<HeadCache>& kept = sequence.layers.emplace_back();
  for (size_t head = 0; head < heads; ++head) {
    HeadScores scores = scores_.Of(row, head, heads);
    if (method.prefill->random) scores.policy = RandomScores(method, layer, head, prompt);
    ASSIGN_OR_RETURN(std::vector<int> selected, SelectPrefill(method, index, prompt, scores.policy));
    sequence.use.evictions += static_cast<uint64_t>(prompt) - selected.size();
    kept.push_back(caches.Select(head / group, std::move(selected)));
    if (!scores.accumulated.empty()) {
      for (HeadCache::Slot& slot : kept.back().slots()) {
        slot.accumulated = scores.accumulated[static_cast<size_t>(slot.position)];
      }
    }
    if (method.budgets.head_budget == HeadBudget::kConcentration) {
      sequence.spread.resize(config().layers);
      sequence.spread[layer].push_back(scores.spread);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PrefillResult> CpuPrefill::Run(std::span<float> logits) {
  const Stopwatch watch;
  const size_t prompt = positions_.size(), slot_bytes = SlotBytes(kv_type_, config().head_dim);
  double compress_s = 0;
  transformer_.rope().Reserve(prompt);
  activations_.Resize(prompt);
  transformer_.Embed(request_.prompt, activations_.x);
  for (size_t layer = 0; layer < config().layers; ++layer) {
    if (request_.cancelled && request_.cancelled()) return absl::CancelledError("cancelled during prefill");
    LayerCaches caches(RunLayer(layer));
    for (size_t row = 0; row < rows_.size(); ++row) {
      auto& [sequence, status, cached_bytes] = rows_[row];
      if (!status.ok()) continue;
      const Stopwatch compress_watch;
      sequence->use.prefill_peak_bytes =
          std::max(sequence->use.prefill_peak_bytes, cached_bytes + caches.heads() * prompt * slot_bytes);
      status = Compress(layer, row, caches);
      for (const HeadCache& cache : sequence->layers.back()) cached_bytes += cache.size() * slot_bytes;
      const double seconds = compress_watch.seconds();
      sequence->phases.compress_s += seconds;
      compress_s += seconds;
    }
    if (std::ranges::none_of(rows_, [](const Row& row) { return row.status.ok(); })) break;
    if (request_.progress) request_.progress(static_cast<int>(prompt * (layer + 1) / config().layers));
  }
  transformer_.Logits(activations_.x, prompt - 1, 1, logits.data());

  PrefillResult result;
  for (size_t row = 0; row < rows_.size(); ++row) {
    auto& [sequence, status, cached_bytes] = rows_[row];
    if (!status.ok()) {
      result.emplace_back(status);
      continue;
    }
    sequence->BeginDecoding(request_.rows[row].counters, static_cast<int>(prompt));
    sequence->phases.prefill_s = watch.seconds() - compress_s;
    result.emplace_back(std::move(sequence));
  }
  return result;
}

}  // namespace kvscope
