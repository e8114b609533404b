#include "runtime/cpu/prompt_prefill.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "results/base/status_macros.h"
#include "runtime/cpu/stopwatch.h"
#include "runtime/methods/prefill_selection.h"
#include "runtime/methods/random_score.h"

namespace kvscope {
namespace {

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

PromptPrefill::LayerCaches::LayerCaches(std::vector<HeadCache> whole) : made_(whole.size()) {
  const std::vector<int> all = FirstPositions(whole.front().size());
  for (size_t head = 0; head < whole.size(); ++head) made_[head].push_back({all, std::move(whole[head])});
}

HeadCache PromptPrefill::LayerCaches::Select(size_t kv_head, std::vector<int> rows) {
  std::vector<Made>& made = made_[kv_head];
  const auto equal = std::find_if(made.begin(), made.end(), [&](const Made& m) { return m.rows == rows; });
  if (equal != made.end()) return equal->cache.Fork();
  HeadCache selected = made.front().cache.Subset(rows);  // slot t of the whole prompt holds position t
  made.push_back({std::move(rows), std::move(selected)});
  return made.back().cache.Fork();
}

PromptPrefill::PromptPrefill(PromptLayers& layers, const ModelConfig& config, KvType kv_type,
                             const PrefillRequest& request)
    : layers_(layers),
      config_(config),
      kv_type_(kv_type),
      request_(request),
      methods_(Methods(request)),
      scores_(methods_, request.prompt.size()) {
  for (const Method& method : methods_)
    rows_.push_back({.sequence = std::make_unique<CachedSequence>(method)});
}

absl::Status PromptPrefill::Compress(size_t layer, size_t row, LayerCaches& caches) {
  const Method& method = methods_[row];
  CachedSequence& sequence = *rows_[row].sequence;
  const size_t heads = method.CachesQueryHeads() ? config_.heads : config_.kv_heads;
  const size_t group = heads / caches.heads();
  const int prompt = static_cast<int>(request_.prompt.size());
  const LayerIndex index{static_cast<int>(layer), static_cast<int>(config_.layers)};
  std::vector<HeadCache>& kept = sequence.layers.emplace_back();
  for (size_t head = 0; head < heads; ++head) {
    HeadScores scores = scores_.Of(row, head, heads);
    if (method.prefill->random) scores.policy = RandomScores(method, layer, head, prompt);
    ASSIGN_OR_RETURN(std::vector<int> selected, SelectPrefill(method, index, prompt, scores.policy));
    sequence.use.evictions += static_cast<uint64_t>(prompt) - selected.size();
    kept.push_back(caches.Select(head / group, std::move(selected)));
    if (!scores.accumulated.empty()) {
      HeadCache& cache = kept.back();
      for (size_t slot = 0; slot < cache.slots(); ++slot)
        cache.accumulated()[slot] = scores.accumulated[static_cast<size_t>(cache.positions()[slot])];
    }
    if (method.budgets.head_budget == HeadBudget::kConcentration) {
      sequence.spread.resize(config_.layers);
      sequence.spread[layer].push_back(scores.spread);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PrefillResult> PromptPrefill::Run(std::span<float> logits) {
  const Stopwatch watch;
  const size_t prompt = request_.prompt.size(), slot_bytes = SlotBytes(kv_type_, config_.head_dim);
  double compress_s = 0;
  RETURN_IF_ERROR(layers_.Begin());
  for (size_t layer = 0; layer < config_.layers; ++layer) {
    if (request_.cancelled && request_.cancelled()) return absl::CancelledError("cancelled during prefill");
    ASSIGN_OR_RETURN(std::vector<HeadCache> whole, layers_.RunLayer(layer, scores_));
    LayerCaches caches(std::move(whole));
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
    if (request_.progress) request_.progress(static_cast<int>(prompt * (layer + 1) / config_.layers));
  }
  RETURN_IF_ERROR(layers_.Logits(logits));
  compress_s += layers_.compress_s();

  PrefillResult result;
  for (size_t row = 0; row < rows_.size(); ++row) {
    auto& [sequence, status, cached_bytes] = rows_[row];
    if (!status.ok()) {
      result.emplace_back(status);
      continue;
    }
    sequence->BeginDecoding(request_.rows[row].counters, static_cast<int>(prompt));
    sequence->phases.compress_s += layers_.compress_s();
    sequence->phases.prefill_s = watch.seconds() - compress_s;
    result.emplace_back(std::move(sequence));
  }
  return result;
}

}  // namespace kvscope
