#include "bench/roofline/pass_work.h"

#include <span>

#include "runtime/methods/prefill_selection.h"

namespace kvscope::roofline {
namespace {

class LaunchList {
 public:
  LaunchList(const Pass& pass, bool is_prefill) : pass_(pass), is_prefill_(is_prefill) {}

  void Add(const KernelWork& work, size_t count) { launches_.push_back({work, count}); }

  // Of the same activations.
  void AddProducts(std::span<const Matrix> matrices, size_t tokens, size_t count) {
    const bool rounded = pass_.precision == Precision::kBF16;
    if (rounded) Add(RoundWork(tokens * matrices.front().columns), count);
    for (const Matrix& matrix : matrices) {
      Add(rounded ? Rounded(matrix, tokens)
                  : MatMulWork(pass_.model.weights, matrix.rows, matrix.columns, tokens),
          count);
    }
  }

  // What surrounds attention in a layer.
  void AddLayerRows(size_t tokens) {
    const ModelShape& m = pass_.model;
    Add(RmsNormWork(tokens, m.hidden, kFloat), 2 * m.layers);
    const std::vector<Matrix> matrices = m.LayerMatrices();
    const std::span all(matrices);
    for (const auto& same : {all.first(3), all.subspan(3, 1), all.subspan(4, 2), all.last(1)}) {
      AddProducts(same, tokens, m.layers);
    }
    Add(AddToWork(tokens * m.hidden, kFloat), 2 * m.layers);
    Add(SwiGluWork(tokens * m.ffn, kFloat), m.layers);
  }

  void AddLogits(size_t tokens) {
    Add(RmsNormWork(tokens, pass_.model.hidden, kFloat), 1);
    const Matrix head = pass_.model.head();
    AddProducts({&head, 1}, tokens, 1);
    Add(ArgMaxWork(tokens, pass_.model.vocab), 1);
  }

  std::vector<Launches> Take() { return std::move(launches_); }

 private:
  KernelWork Rounded(const Matrix& matrix, size_t tokens) const {
    constexpr size_t kFewestForLibrary = 64;
    const DType weights = pass_.model.weights;
    return is_prefill_ && weights == DType::kBF16 && tokens >= kFewestForLibrary
               ? DenseMatMulWork(matrix.rows, matrix.columns, tokens)
               : TensorMatMulWork(weights, matrix.rows, matrix.columns, tokens);
  }

  const Pass& pass_;
  const bool is_prefill_;
  std::vector<Launches> launches_;
};

HeadShape Heads(const Pass& pass) {
  return {pass.model.heads, pass.model.kv_heads, pass.model.head_dim, pass.kv};
}

bool RanksByAttention(const Method& method) {
  switch (method.decode->rank) {
    case DecodePolicy::Rank::kAttention:
    case DecodePolicy::Rank::kAccumulatedAttention:
    case DecodePolicy::Rank::kLayerAttention:
    case DecodePolicy::Rank::kNovelty:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<Launches> DecodeStepWork(const Pass& pass, const Method& method, size_t batch, size_t slots) {
  const ModelShape& m = pass.model;
  const size_t cached = method.CachesQueryHeads() ? m.heads : m.kv_heads;
  const DecodeAttentionShape attention{batch * cached, slots,   m.heads / cached,
                                       m.head_dim,     pass.kv, RanksByAttention(method)};
  LaunchList list(pass, /*is_prefill=*/false);
  list.Add(EmbedWork(m.weights, m.hidden, batch, kFloat), 1);
  list.AddLayerRows(batch);
  list.Add(RopeCacheWork(Heads(pass), batch, 1, batch * cached, kFloat), m.layers);
  list.Add(DecodeAttentionWork(attention), m.layers);
  list.Add(CombineWork(attention, kFloat), m.layers);
  if (attention.keeps_probabilities) {
    list.Add(GroupScoresWork(attention, method.AccumulatesAttention()), m.layers);
    list.Add(WorstSlotsWork(attention.cached_heads, slots, true), m.layers);
  }
  list.AddLogits(batch);
  return list.Take();
}

std::vector<Launches> PrefillWork(const Pass& pass, const Method& method, size_t prompt) {
  const ModelShape& m = pass.model;
  LaunchList list(pass, /*is_prefill=*/true);
  list.Add(EmbedWork(m.weights, m.hidden, prompt, kFloat), 1);
  list.AddLayerRows(prompt);
  list.Add(RopeCacheWork(Heads(pass), prompt, prompt, prompt * m.kv_heads, kFloat), m.layers);
  list.Add(pass.precision == Precision::kBF16 ? TensorPrefillWork(Heads(pass), prompt)
                                              : PrefillAttentionWork(Heads(pass), prompt),
           m.layers);
  if (Compresses(method, static_cast<int>(prompt)) &&
      method.prefill->scored_by != PrefillPolicy::Queries::kNone) {
    const bool all = method.prefill->scored_by == PrefillPolicy::Queries::kAll;
    const auto window = static_cast<size_t>(ObservationWindow(method));
    list.Add(ReceivedAttentionWork(Heads(pass), prompt, all ? 0 : prompt - window), m.layers);
  }
  list.AddLogits(1);
  return list.Take();
}

}  // namespace kvscope::roofline
