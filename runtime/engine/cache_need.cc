#include "runtime/engine/cache_need.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "results/base/status_macros.h"
#include "runtime/methods/prefill_selection.h"

namespace kvscope {
namespace {

size_t Pages(int entries) { return (static_cast<size_t>(entries) + kPageSlots - 1) / kPageSlots; }

// Of one layer's heads.
struct Lengths {
  int most = 0;       // entries, at any time
  int unwritten = 0;  // entries of the prompt, the first of them, that stay where they are
};

absl::StatusOr<std::vector<int>> KeptByLayer(const Method& method, int layers, int prompt) {
  const std::vector<float> any_scores(static_cast<size_t>(std::max(0, prompt - ObservationWindow(method))));
  std::vector<int> kept;
  for (int layer = 0; layer < layers; ++layer) {
    ASSIGN_OR_RETURN(const std::vector<int> rows, SelectPrefill(method, {layer, layers}, prompt, any_scores));
    kept.push_back(static_cast<int>(rows.size()));
  }
  return kept;
}

// Plays the schedule without scores.
absl::StatusOr<std::vector<Lengths>> LengthsByLayer(const SequenceRequest& request, int layers) {
  const Method& method = request.method;
  const int prompt = static_cast<int>(request.prompt.size()), steps = request.max_new_tokens - 1;
  ASSIGN_OR_RETURN(const std::vector<int> kept, KeptByLayer(method, layers, prompt));
  std::vector<Lengths> lengths;
  for (int entries : kept) lengths.push_back({.most = entries, .unwritten = entries});
  if (method.budgets.head_budget == HeadBudget::kConcentration) {
    // Which heads get how much is known after prefill only.
    for (Lengths& layer : lengths) {
      layer.most += steps;
      if (!method.decode->protects_prefill) layer.unwritten = 0;
    }
    return lengths;
  }
  PublishedCounters counters;
  if (request.counters != nullptr) counters = *request.counters;
  DecodeSchedule schedule(method, prompt, kept, /*heads=*/1, {}, &counters);
  std::vector<int> now = kept;
  for (int step = 0; step < steps; ++step) {
    for (int layer = 0; layer < layers; ++layer) {
      const auto l = static_cast<size_t>(layer);
      lengths[l].most = std::max(lengths[l].most, ++now[l]);
      const Selection selection = schedule.Next(layer, 0, step, now[l]);
      if (!selection.due) continue;
      const int candidates = std::max(0, now[l] - selection.first - selection.recent);
      const int evicted = candidates - std::clamp(selection.keep, 0, candidates);
      if (evicted == 0) continue;
      now[l] -= evicted;
      lengths[l].unwritten = std::min(lengths[l].unwritten, selection.first);
    }
  }
  return lengths;
}

// Whether both keep the same entries in every head.
bool SelectTheSame(const Method& a, const Method& b, int prompt) {
  const bool compresses = Compresses(a, prompt);
  if (compresses != Compresses(b, prompt)) return false;
  return !compresses ||
         (a.prefill == b.prefill && a.semantics == b.semantics &&
          a.CachesQueryHeads() == b.CachesQueryHeads() && a.budgets.prefill == b.budgets.prefill &&
          a.budgets.observation == b.budgets.observation && a.budgets.group_score == b.budgets.group_score &&
          a.budgets.seed == b.budgets.seed);
}

}  // namespace

std::vector<CacheNeed> CacheNeeds(std::span<const SequenceRequest> group, const ModelConfig& config,
                                  KvType kv) {
  const size_t page_bytes = PageBytes(kv, config.head_dim);
  std::vector<CacheNeed> needs;
  for (const SequenceRequest& request : group) {
    const int prompt = static_cast<int>(request.prompt.size());
    CacheNeed& need = needs.emplace_back();
    while (!SelectTheSame(group[need.selection].method, request.method, prompt)) ++need.selection;
    const auto lengths = LengthsByLayer(request, static_cast<int>(config.layers));
    if (!lengths.ok()) continue;
    const size_t heads = request.method.CachesQueryHeads() ? config.heads : config.kv_heads;
    // Query heads that keep all of their KV head's entries share them.
    const size_t selecting_heads = Compresses(request.method, prompt) ? heads : config.kv_heads;
    for (const Lengths& layer : *lengths) {
      const size_t unwritten = static_cast<size_t>(layer.unwritten) / kPageSlots;
      need.prompt_bytes.push_back(selecting_heads * unwritten * page_bytes);
      need.other_bytes += heads * (Pages(layer.most) - unwritten) * page_bytes;
    }
  }
  return needs;
}

std::vector<size_t> SelectionBytes(std::span<const CacheNeed> needs) {
  // Which pages stay may differ from layer to layer and method to method.
  std::vector<std::vector<size_t>> by_layer;  // [selections][layers]
  for (const CacheNeed& need : needs) {
    by_layer.resize(std::max(by_layer.size(), need.selection + 1));
    std::vector<size_t>& most = by_layer[need.selection];
    most.resize(std::max(most.size(), need.prompt_bytes.size()));
    for (size_t l = 0; l < need.prompt_bytes.size(); ++l) most[l] = std::max(most[l], need.prompt_bytes[l]);
  }
  std::vector<size_t> bytes;
  for (const std::vector<size_t>& layers : by_layer) {
    bytes.push_back(0);
    for (size_t layer : layers) bytes.back() += layer;
  }
  return bytes;
}

size_t BytesTogether(std::span<const CacheNeed> needs) {
  size_t bytes = 0;
  for (size_t selection : SelectionBytes(needs)) bytes += selection;
  for (const CacheNeed& need : needs) bytes += need.other_bytes;
  return bytes;
}

size_t LayerBytes(const ModelConfig& config, KvType kv, size_t prompt) {
  return config.kv_heads * Pages(static_cast<int>(prompt)) * PageBytes(kv, config.head_dim);
}

}  // namespace kvscope
