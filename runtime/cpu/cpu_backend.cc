#include "runtime/cpu/cpu_backend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

#include "fmt/format.h"
#include "kernels/cpu/attention.h"
#include "results/base/status_macros.h"
#include "runtime/cache/entry_scores.h"
#include "runtime/cache/eviction.h"
#include "runtime/cache/group_scores.h"
#include "runtime/cpu/cpu_sequence.h"
#include "runtime/cpu/prompt_attention.h"
#include "runtime/cpu/transformer.h"
#include "runtime/methods/prefill_selection.h"
#include "runtime/methods/random_score.h"

namespace kvscope {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Prompt tokens that pass through a layer's products together: enough to reuse the dequantized weights, few
// enough for their activations to stay in the second-level cache.
constexpr size_t kPrefillChunk = 128;

uint64_t Evict(const Method& method, HeadCache& cache, const Selection& selection,
               std::span<const float> scores) {
  if (method.decode->rank == DecodePolicy::Rank::kArrival) return EvictByArrival(cache, selection);
  return EvictByScore(cache, selection, method.semantics, scores);
}

class CpuBackend : public Backend {
 public:
  CpuBackend(std::shared_ptr<const Model> model, KvType kv_type, int threads)
      : transformer_(std::move(model), threads),
        kv_type_(kv_type),
        x_(config().hidden),
        q_(config().heads * config().head_dim),
        k_(config().kv_heads * config().head_dim),
        v_(config().kv_heads * config().head_dim),
        attention_(config().heads * config().head_dim),
        decode_probabilities_(static_cast<size_t>(threads)),
        decode_scores_(static_cast<size_t>(threads)) {}

  absl::StatusOr<std::unique_ptr<BackendSequence>> Prefill(const PrefillRequest& request,
                                                           std::span<float> logits) override;
  absl::Status Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                      std::span<float> logits) override;
  void SetProbe(AttentionProbe* probe) override { probe_ = probe; }
  size_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  const ModelConfig& config() const { return transformer_.config(); }
  // Heads that have a cache of their own.
  size_t CachedHeads(const Method& method) const {
    return method.CachesQueryHeads() ? config().heads : config().kv_heads;
  }

  // One layer of prefill: attention and feed-forward on x_, and the layer's whole prompt as caches,
  // [kv_heads].
  std::vector<HeadCache> PrefillLayer(size_t layer, std::span<const int> positions,
                                      PromptAttention& attention);

  // The caches that the prefill policy leaves of them, [cached heads].
  absl::StatusOr<std::vector<HeadCache>> Compress(size_t layer, const Method& method,
                                                  std::vector<HeadCache> prompt,
                                                  const PromptAttention& attention, CpuSequence& sequence);

  // What one row's step in one layer for one cached head left to account for.
  struct Outcome {
    uint64_t evicted = 0;
    double select_s = 0;
  };
  // Appends, attends, evicts; for the policies that judge by a layer, leaves the step's attention in
  // `layer_scores` and evicts nothing.
  Outcome DecodeHead(CpuSequence& sequence, size_t row, HeadIndex index, const Selection& selection,
                     int thread, std::vector<float>* layer_scores);
  // probabilities: [group, PaddedSlots(size)], out: of the step's queries over the head's cache.
  void AttendHead(const HeadCache& cache, size_t row, size_t head, size_t group, float* probabilities);
  // Shows probe_ what AttendHead did.
  void Show(const CpuSequence& sequence, size_t row, HeadIndex index, size_t group,
            const float* probabilities);
  // Evicts in every head of a layer by their common scores.
  Outcome EvictLayer(CpuSequence& sequence, size_t layer, std::span<const Selection> selections,
                     std::span<std::vector<float>> scores);

  void NoteScratch(size_t extra);

  Transformer transformer_;
  KvType kv_type_;
  Activations x_, q_, k_, v_, attention_;                   // [tokens or rows of the batch, ...]
  std::vector<AlignedVector<float>> decode_probabilities_;  // by thread: [group, padded slots]
  std::vector<std::vector<float>> decode_scores_;           // by thread: [slots]
  size_t scratch_bytes_ = 0;
  AttentionProbe* probe_ = nullptr;
  std::mutex probe_mutex_;
};

std::vector<HeadCache> CpuBackend::PrefillLayer(size_t layer, std::span<const int> positions,
                                                PromptAttention& attention) {
  const size_t prompt = positions.size(), head_dim = config().head_dim;
  for (size_t first = 0; first < prompt; first += kPrefillChunk) {
    const size_t n = std::min(kPrefillChunk, prompt - first);
    transformer_.Project(layer, x_, first, positions.subspan(first, n), q_, k_, v_);
  }
  std::vector<HeadCache> caches;
  for (size_t head = 0; head < config().kv_heads; ++head) caches.emplace_back(kv_type_, head_dim);
  transformer_.pool().ParallelFor(caches.size(), [&](size_t head, int) {
    for (size_t t = 0; t < prompt; ++t) {
      caches[head].Append(positions[t], k_.row(t) + head * head_dim, v_.row(t) + head * head_dim);
    }
  });
  attention.Run(transformer_, caches, q_, attention_);
  for (size_t first = 0; first < prompt; first += kPrefillChunk) {
    transformer_.Finish(layer, attention_, first, std::min(kPrefillChunk, prompt - first), x_);
  }
  return caches;
}

absl::StatusOr<std::vector<HeadCache>> CpuBackend::Compress(size_t layer, const Method& method,
                                                            std::vector<HeadCache> prompt,
                                                            const PromptAttention& attention,
                                                            CpuSequence& sequence) {
  const size_t heads = CachedHeads(method), group = heads / prompt.size();
  const int tokens = static_cast<int>(prompt.front().size());
  const LayerIndex index{static_cast<int>(layer), static_cast<int>(config().layers)};
  std::vector<HeadCache> kept;
  for (size_t head = 0; head < heads; ++head) {
    HeadCache& whole = prompt[head / group];
    const KeyScores accumulated = attention.AccumulatedScores(head, heads);
    for (size_t slot = 0; slot < accumulated.size(); ++slot)
      whole.slots()[slot].accumulated = accumulated[slot];
    if (method.budgets.head_budget == HeadBudget::kConcentration) {
      sequence.spread.resize(config().layers);
      sequence.spread[layer].push_back(attention.Spread(head, heads));
    }
    if (heads == prompt.size() && !Compresses(method, tokens)) {
      kept.push_back(std::move(whole));
      continue;
    }
    KeyScores scores = attention.PolicyScores(head, heads);
    if (method.prefill->random) {
      scores.resize(static_cast<size_t>(std::max(0, tokens - ObservationWindow(method))));
      for (size_t t = 0; t < scores.size(); ++t) {
        scores[t] =
            RandomScore(method.budgets.seed, index.layer, static_cast<int>(head), static_cast<int>(t));
      }
    }
    ASSIGN_OR_RETURN(const std::vector<int> rows, SelectPrefill(method, index, tokens, scores));
    kept.push_back(whole.Subset(rows));  // slot t holds position t
    sequence.use.evictions += static_cast<uint64_t>(tokens) - rows.size();
  }
  return kept;
}

absl::StatusOr<std::unique_ptr<BackendSequence>> CpuBackend::Prefill(const PrefillRequest& request,
                                                                     std::span<float> logits) {
  const Clock::time_point start = Clock::now();
  const size_t prompt = request.prompt.size();
  auto sequence = std::make_unique<CpuSequence>(request.method);
  std::vector<int> positions(prompt);
  for (size_t t = 0; t < prompt; ++t) positions[t] = static_cast<int>(t);
  transformer_.rope().Reserve(prompt);
  transformer_.Embed(request.prompt, x_);
  for (Activations* rows : {&q_, &k_, &v_, &attention_}) rows->Resize(prompt);

  PromptAttention attention(request.method, static_cast<int>(prompt));
  size_t cached_bytes = 0;
  for (size_t layer = 0; layer < config().layers; ++layer) {
    if (request.cancelled && request.cancelled()) return absl::CancelledError("cancelled during prefill");
    std::vector<HeadCache> whole = PrefillLayer(layer, positions, attention);
    const size_t whole_bytes = whole.size() * prompt * SlotBytes(kv_type_, config().head_dim);
    sequence->use.prefill_peak_bytes = std::max(sequence->use.prefill_peak_bytes, cached_bytes + whole_bytes);
    NoteScratch(attention.scratch_bytes());
    const Clock::time_point compress_start = Clock::now();
    ASSIGN_OR_RETURN(std::vector<HeadCache> kept,
                     Compress(layer, request.method, std::move(whole), attention, *sequence));
    for (const HeadCache& cache : kept) cached_bytes += cache.size() * SlotBytes(kv_type_, config().head_dim);
    sequence->layers.push_back(std::move(kept));
    sequence->phases.compress_s += SecondsSince(compress_start);
    if (request.progress) request.progress(static_cast<int>(prompt * (layer + 1) / config().layers));
  }
  transformer_.Logits(x_, prompt - 1, 1, logits.data());
  sequence->BeginDecoding(request.counters, static_cast<int>(prompt));
  sequence->phases.prefill_s = SecondsSince(start) - sequence->phases.compress_s;
  return sequence;
}

void CpuBackend::AttendHead(const HeadCache& cache, size_t row, size_t head, size_t group,
                            float* probabilities) {
  const size_t head_dim = config().head_dim;
  AttentionArgs args{};
  args.head_dim = head_dim;
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.kv_type = cache.type();
  args.pages = cache.pages();
  args.slots = cache.size();
  for (size_t first = 0; first < group; first += kMaxQueries) {
    args.queries = std::min(kMaxQueries, group - first);
    args.probabilities = probabilities + first * PaddedSlots(cache.size());
    for (size_t i = 0; i < args.queries; ++i) {
      const size_t offset = (head * group + first + i) * head_dim;
      args.q[i] = q_.row(row) + offset;
      args.visible[i] = cache.size();
      args.out[i] = attention_.row(row) + offset;
    }
    Attention(args);
  }
}

CpuBackend::Outcome CpuBackend::DecodeHead(CpuSequence& sequence, size_t row, HeadIndex index,
                                           const Selection& selection, int thread,
                                           std::vector<float>* layer_scores) {
  const Method& method = sequence.method;
  const auto layer = static_cast<size_t>(index.layer), head = static_cast<size_t>(index.head);
  const size_t heads = sequence.layers[layer].size(), group = config().heads / heads;
  const size_t kv_offset = head * config().kv_heads / heads * config().head_dim;
  HeadCache& cache = sequence.cache(layer, head);
  cache.Append(sequence.position, k_.row(row) + kv_offset, v_.row(row) + kv_offset);

  const size_t stride = PaddedSlots(cache.size());
  AlignedVector<float>& probabilities = decode_probabilities_[static_cast<size_t>(thread)];
  if (probabilities.size() < group * stride) probabilities.resize(group * stride);
  AttendHead(cache, row, head, group, probabilities.data());
  if (probe_ != nullptr) Show(sequence, row, index, group, probabilities.data());
  if (!selection.due && !method.AccumulatesAttention()) return {};

  const Clock::time_point start = Clock::now();
  std::vector<float>& scores =
      layer_scores != nullptr ? *layer_scores : decode_scores_[static_cast<size_t>(thread)];
  scores.resize(cache.size());
  std::vector<const float*> group_rows;
  for (size_t i = 0; i < group; ++i) group_rows.push_back(probabilities.data() + i * stride);
  CombineGroupScores(method.budgets.group_score, group_rows, scores);
  Outcome outcome;
  if (layer_scores == nullptr) {
    ScoreEntries(method, index, cache, scores);
    if (selection.due) outcome.evicted = Evict(method, cache, selection, scores);
  }
  outcome.select_s = SecondsSince(start);
  return outcome;
}

void CpuBackend::Show(const CpuSequence& sequence, size_t row, HeadIndex index, size_t group,
                      const float* probabilities) {
  const HeadCache& cache = sequence.layers[static_cast<size_t>(index.layer)][static_cast<size_t>(index.head)];
  std::vector<int> positions;
  for (const HeadCache::Slot& slot : cache.slots()) positions.push_back(slot.position);
  std::lock_guard lock(probe_mutex_);
  for (size_t i = 0; i < group; ++i) {
    const size_t query_head = static_cast<size_t>(index.head) * group + i;
    probe_->OnAttention(
        {.row = row,
         .layer = index.layer,
         .query_head = static_cast<int>(query_head),
         .step = sequence.step,
         .positions = positions,
         .probabilities = {probabilities + i * PaddedSlots(cache.size()), cache.size()},
         .output = {attention_.row(row) + query_head * config().head_dim, config().head_dim}});
  }
}

CpuBackend::Outcome CpuBackend::EvictLayer(CpuSequence& sequence, size_t layer,
                                           std::span<const Selection> selections,
                                           std::span<std::vector<float>> scores) {
  const Clock::time_point start = Clock::now();
  Outcome outcome;
  if (std::any_of(selections.begin(), selections.end(), [](const Selection& s) { return s.due; })) {
    std::vector<HeadCache>& caches = sequence.layers[layer];
    ShareLayerAttention(caches, scores);
    for (size_t head = 0; head < caches.size(); ++head) {
      if (selections[head].due)
        outcome.evicted += Evict(sequence.method, caches[head], selections[head], scores[head]);
    }
  }
  outcome.select_s = SecondsSince(start);
  return outcome;
}

absl::Status CpuBackend::Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                                std::span<float> logits) {
  const Clock::time_point start = Clock::now();
  std::vector<CpuSequence*> sequences;
  std::vector<int> positions;
  for (BackendSequence* row : rows) {
    sequences.push_back(static_cast<CpuSequence*>(row));
    positions.push_back(sequences.back()->position);
  }
  transformer_.rope().Reserve(static_cast<size_t>(*std::max_element(positions.begin(), positions.end())) + 1);
  transformer_.Embed(tokens, x_);
  for (Activations* activations : {&q_, &k_, &v_, &attention_}) activations->Resize(rows.size());

  // One item a row and cached head, rows in order; a row's items lie in [first_item[row], first_item[row +
  // 1]).
  struct Item {
    size_t row;
    int head;
  };
  std::vector<Item> items;
  std::vector<size_t> first_item;
  for (size_t row = 0; row < rows.size(); ++row) {
    first_item.push_back(items.size());
    for (size_t head = 0; head < sequences[row]->layers.front().size(); ++head) {
      items.push_back({row, static_cast<int>(head)});
    }
  }
  first_item.push_back(items.size());
  std::vector<Outcome> outcomes(items.size());
  std::vector<Selection> selections(items.size());
  std::vector<std::vector<float>> layer_scores(items.size());
  const auto judges_by_layer = [&](size_t row) {
    return sequences[row]->method.decode->rank == DecodePolicy::Rank::kLayerAttention;
  };
  // Heads are worked on side by side: of the time that they take together, a row spends its share.
  const double side_by_side =
      static_cast<double>(std::min(items.size(), static_cast<size_t>(transformer_.pool().threads())));

  for (size_t layer = 0; layer < config().layers; ++layer) {
    const int l = static_cast<int>(layer);
    transformer_.Project(layer, x_, 0, positions, q_, k_, v_);
    for (size_t i = 0; i < items.size(); ++i) {
      CpuSequence& sequence = *sequences[items[i].row];
      const size_t length = sequence.cache(layer, static_cast<size_t>(items[i].head)).size() + 1;
      sequence.AccountAttended(layer, length);
      selections[i] = sequence.schedule->Next(l, items[i].head, sequence.step, static_cast<int>(length));
    }
    transformer_.pool().ParallelFor(items.size(), [&](size_t i, int thread) {
      const auto [row, head] = items[i];
      outcomes[i] = DecodeHead(*sequences[row], row, {l, head}, selections[i], thread,
                               judges_by_layer(row) ? &layer_scores[i] : nullptr);
    });
    for (size_t i = 0; i < items.size(); ++i) {
      CpuSequence& sequence = *sequences[items[i].row];
      sequence.use.evictions += outcomes[i].evicted;
      sequence.phases.select_s += outcomes[i].select_s / side_by_side;
    }
    for (size_t row = 0; row < rows.size(); ++row) {
      if (!judges_by_layer(row)) continue;
      const size_t first = first_item[row], n = first_item[row + 1] - first;
      const Outcome outcome = EvictLayer(*sequences[row], layer, std::span(selections).subspan(first, n),
                                         std::span(layer_scores).subspan(first, n));
      sequences[row]->use.evictions += outcome.evicted;
      sequences[row]->phases.select_s += outcome.select_s;
    }
    transformer_.Finish(layer, attention_, 0, rows.size(), x_);
  }
  transformer_.Logits(x_, 0, rows.size(), logits.data());
  NoteScratch(0);
  const double step_s = SecondsSince(start);
  for (CpuSequence* sequence : sequences) RETURN_IF_ERROR(sequence->EndStep(step_s));
  return absl::OkStatus();
}

void CpuBackend::NoteScratch(size_t extra) {
  size_t bytes = extra + transformer_.scratch_bytes();
  for (const Activations* rows : {&x_, &q_, &k_, &v_, &attention_}) bytes += rows->bytes();
  for (const AlignedVector<float>& buffer : decode_probabilities_) bytes += buffer.size() * sizeof(float);
  for (const std::vector<float>& buffer : decode_scores_) bytes += buffer.size() * sizeof(float);
  scratch_bytes_ = std::max(scratch_bytes_, bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeCpuBackend(std::shared_ptr<const Model> model, KvType kv_type,
                                                        int threads) {
  if (model->config.head_dim % kHeadDimMultiple != 0) {
    return absl::UnimplementedError(fmt::format("{}: head_dim: expected a multiple of {}, found {}",
                                                model->path, kHeadDimMultiple, model->config.head_dim));
  }
  return std::make_unique<CpuBackend>(std::move(model), kv_type, threads);
}

}  // namespace kvscope
