#include "bench/roofline/pass_work.h"

#include "runtime/methods/prefill_selection.h"

namespace kvscope::roofline {
namespace {

class LaunchList {
 public:
  explicit LaunchList(const Pass& pass) : pass_(pass) {}

  void Add(const KernelWork& work, size_t count) { launches_.push_back({work, count}); }

  void AddProduct(const Matrix& matrix, size_t tokens, size_t count) {
    Add(MatMulWork(pass_.model.weights, matrix.rows, matrix.columns, tokens), count);
  }

  // What surrounds attention in a layer.
  void AddLayerRows(size_t tokens) {
    const ModelShape& m = pass_.model;
    Add(RmsNormWork(tokens, m.hidden, kFloat), 2 * m.layers);
    for (const Matrix& matrix : m.LayerMatrices()) AddProduct(matrix, tokens, m.layers);
    Add(AddToWork(tokens * m.hidden, kFloat), 2 * m.layers);
    Add(SwiGluWork(tokens * m.ffn, kFloat), m.layers);
  }

  void AddLogits(size_t tokens) {
    Add(RmsNormWork(tokens, pass_.model.hidden, kFloat), 1);
    AddProduct(pass_.model.head(), tokens, 1);
    Add(ArgMaxWork(tokens, pass_.model.vocab), 1);
  }

  std::vector<Launches> Take() { return std::move(launches_); }

 private:
  const Pass& pass_;
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
  LaunchList list(pass);
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
  LaunchList list(pass);
  list.Add(EmbedWork(m.weights, m.hidden, prompt, kFloat), 1);
  list.AddLayerRows(prompt);
  list.Add(RopeCacheWork(Heads(pass), prompt, prompt, prompt * m.kv_heads, kFloat), m.layers);
  list.Add(PrefillAttentionWork(Heads(pass), prompt), m.layers);
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
