#include "runtime/cpu/cpu_prefill.h"

#include <algorithm>
#include <numeric>

namespace kvscope {

CpuPrefill::CpuPrefill(Transformer& transformer, BlockActivations& activations, KvType kv_type,
                       PageLedger& ledger, std::span<const int> prompt)
    : transformer_(transformer),
      activations_(activations),
      kv_type_(kv_type),
      ledger_(ledger),
      prompt_(prompt),
      positions_(prompt.size()),
      attention_(MakePromptAttention(transformer, prompt.size())) {
  std::iota(positions_.begin(), positions_.end(), 0);
}

absl::Status CpuPrefill::Begin() {
  transformer_.rope().Reserve(prompt_.size());
  activations_.Resize(prompt_.size());
  transformer_.Embed(prompt_, activations_.x);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<HeadCache>> CpuPrefill::RunLayer(size_t layer, PromptScores& scores) {
  auto& [x, q, k, v, attention] = activations_;
  const size_t prompt = positions_.size(), head_dim = config().head_dim, rows = transformer_.prefill_rows();
  for (size_t first = 0; first < prompt; first += rows) {
    const size_t n = std::min(rows, prompt - first);
    transformer_.Project(Pass::kPrefill, layer, x, first, std::span(positions_).subspan(first, n), q, k, v);
  }
  std::vector<HeadCache> caches;
  for (size_t head = 0; head < config().kv_heads; ++head) caches.emplace_back(kv_type_, head_dim, ledger_);
  for (HeadCache& cache : caches) {
    for (const int position : positions_) cache.Reserve(position);
  }
  const size_t pages = caches.front().pages().size();
  transformer_.pool().ParallelFor(caches.size() * pages, [&](size_t item, int) {
    const size_t head = item / pages, begin = item % pages * kPageSlots;
    for (size_t t = begin; t < std::min(prompt, begin + kPageSlots); ++t) {
      caches[head].Write(static_cast<int>(t), activations_.k.row(t) + head * head_dim,
                         activations_.v.row(t) + head * head_dim);
    }
  });
  attention_->Run(caches, q, k, v, attention, scores);
  for (size_t first = 0; first < prompt; first += rows) {
    transformer_.Finish(Pass::kPrefill, layer, attention, first, std::min(rows, prompt - first), x);
  }
  return caches;
}

absl::Status CpuPrefill::Logits(std::span<float> logits) {
  transformer_.Logits(activations_.x, prompt_.size() - 1, 1, logits.data());
  return absl::OkStatus();
}

}  // namespace kvscope
