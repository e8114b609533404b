#include "runtime/cpu/cpu_backend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "fmt/format.h"
#include "kernels/cpu/attention.h"
#include "results/base/status_macros.h"
#include "runtime/cache/eviction.h"
#include "runtime/cache/group_scores.h"
#include "runtime/cpu/cpu_sequence.h"
#include "runtime/cpu/prompt_attention.h"
#include "runtime/cpu/transformer.h"
#include "runtime/methods/prefill_selection.h"

namespace kvscope {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Prompt tokens that pass through a layer's products together: enough to reuse the dequantized weights, few
// enough for their activations to stay in the second-level cache.
constexpr size_t kPrefillChunk = 128;

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
  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string_view name() const override { return "cpu"; }

 private:
  const ModelConfig& config() const { return transformer_.config(); }
  // Heads that have a cache of their own.
  size_t CachedHeads(const Method& method) const {
    return method.semantics == Semantics::kPublished ? config().heads : config().kv_heads;
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
  // Appends, attends, evicts.
  Outcome DecodeHead(CpuSequence& sequence, size_t row, size_t layer, size_t head, const Selection& selection,
                     int thread);
  uint64_t Evict(const Method& method, HeadCache& cache, const Selection& selection,
                 std::span<const float> scores);

  void NoteScratch(size_t extra);

  Transformer transformer_;
  KvType kv_type_;
  Activations x_, q_, k_, v_, attention_;                   // [tokens or rows of the batch, ...]
  std::vector<AlignedVector<float>> decode_probabilities_;  // by thread: [group, padded slots]
  std::vector<std::vector<float>> decode_scores_;           // by thread: [slots]
  size_t scratch_bytes_ = 0;
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
    if (heads == prompt.size() && !Compresses(method, tokens)) {
      kept.push_back(std::move(whole));
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<int> rows,
                     SelectPrefill(method, index, tokens, attention.PolicyScores(head, heads)));
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

uint64_t CpuBackend::Evict(const Method& method, HeadCache& cache, const Selection& selection,
                           std::span<const float> scores) {
  switch (method.decode->rank) {
    case DecodePolicy::Rank::kNever:
      return 0;
    case DecodePolicy::Rank::kArrival:
      return EvictByArrival(cache, selection);
    case DecodePolicy::Rank::kAttention:
    case DecodePolicy::Rank::kAccumulatedAttention:
      return EvictByScore(cache, selection, method.semantics, scores);
  }
  return 0;
}

CpuBackend::Outcome CpuBackend::DecodeHead(CpuSequence& sequence, size_t row, size_t layer, size_t head,
                                           const Selection& selection, int thread) {
  const size_t head_dim = config().head_dim, heads = sequence.layers[layer].size();
  const size_t group = config().heads / heads, kv_head = head * config().kv_heads / heads;
  HeadCache& cache = sequence.cache(layer, head);
  cache.Append(sequence.position, k_.row(row) + kv_head * head_dim, v_.row(row) + kv_head * head_dim);

  const size_t stride = PaddedSlots(cache.size());
  AlignedVector<float>& probabilities = decode_probabilities_[static_cast<size_t>(thread)];
  if (probabilities.size() < group * stride) probabilities.resize(group * stride);
  AttentionArgs args{};
  args.head_dim = head_dim;
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.kv_type = cache.type();
  args.pages = cache.pages();
  args.slots = cache.size();
  for (size_t first = 0; first < group; first += kMaxQueries) {
    args.queries = std::min(kMaxQueries, group - first);
    args.probabilities = probabilities.data() + first * stride;
    for (size_t i = 0; i < args.queries; ++i) {
      const size_t offset = (head * group + first + i) * head_dim;
      args.q[i] = q_.row(row) + offset;
      args.visible[i] = cache.size();
      args.out[i] = attention_.row(row) + offset;
    }
    Attention(args);
  }

  const bool accumulates = sequence.method.AccumulatesAttention();
  if (!selection.due && !accumulates) return {};
  const Clock::time_point start = Clock::now();
  std::vector<float>& scores = decode_scores_[static_cast<size_t>(thread)];
  scores.resize(cache.size());
  std::vector<const float*> group_rows;
  for (size_t i = 0; i < group; ++i) group_rows.push_back(probabilities.data() + i * stride);
  CombineGroupScores(sequence.method.budgets.group_score, group_rows, scores);
  if (accumulates) {
    for (size_t slot = 0; slot < scores.size(); ++slot) {
      scores[slot] = cache.slots()[slot].accumulated += scores[slot];
    }
  }
  Outcome outcome;
  if (selection.due) outcome.evicted = Evict(sequence.method, cache, selection, scores);
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

  struct Item {
    size_t row;
    size_t head;
  };
  std::vector<Item> items;
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t head = 0; head < sequences[row]->layers.front().size(); ++head) items.push_back({row, head});
  }
  std::vector<Outcome> outcomes(items.size());
  std::vector<Selection> selections(rows.size());
  // Heads are worked on side by side: of the time that they take together, a row spends its share.
  const double side_by_side =
      static_cast<double>(std::min(items.size(), static_cast<size_t>(transformer_.pool().threads())));
  for (size_t layer = 0; layer < config().layers; ++layer) {
    transformer_.Project(layer, x_, 0, positions, q_, k_, v_);
    for (size_t row = 0; row < rows.size(); ++row) {
      CpuSequence& sequence = *sequences[row];
      const size_t length = sequence.cache(layer, 0).size() + 1;
      sequence.AccountAttended(layer, length);
      selections[row] =
          sequence.schedule->Next(static_cast<int>(layer), sequence.step, static_cast<int>(length));
    }
    transformer_.pool().ParallelFor(items.size(), [&](size_t i, int thread) {
      const auto [row, head] = items[i];
      outcomes[i] = DecodeHead(*sequences[row], row, layer, head, selections[row], thread);
    });
    for (size_t i = 0; i < items.size(); ++i) {
      CpuSequence& sequence = *sequences[items[i].row];
      sequence.use.evictions += outcomes[i].evicted;
      sequence.phases.select_s += outcomes[i].select_s / side_by_side;
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
