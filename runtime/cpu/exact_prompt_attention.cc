#include "runtime/cpu/exact_prompt_attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/attention.h"

namespace kvscope {

ExactPromptAttention::ExactPromptAttention(Transformer& transformer, size_t prompt)
    : transformer_(transformer),
      segments_(prompt, kMaxQueries),
      probabilities_(static_cast<size_t>(transformer.pool().threads())) {
  for (AlignedVector<float>& buffer : probabilities_) buffer.resize(kMaxQueries * PaddedSlots(prompt));
}

void ExactPromptAttention::Run(std::span<const HeadCache> caches, const Activations& q, const Activations&,
                               const Activations&, Activations& out, PromptScores& scores) {
  scores.Reset(transformer_.config().heads, segments_.count);
  std::vector<size_t> causal, unmasked;
  for (size_t sum = 0; sum < scores.sums(); ++sum) {
    (scores.queries(sum).kind == QuerySet::Kind::kUnmasked ? unmasked : causal).push_back(sum);
  }
  Pass(caches, q, &out, 0, scores, causal);
  for (size_t sum : unmasked) {
    Pass(caches, q, nullptr, segments_.prompt - scores.queries(sum).window, scores, {sum});
  }
}

void ExactPromptAttention::Pass(std::span<const HeadCache> caches, const Activations& q, Activations* out,
                                size_t unmasked_before, PromptScores& scores,
                                const std::vector<size_t>& sums) {
  const ModelConfig& config = transformer_.config();
  // The last segments cost most under a causal mask: taken first, they do not leave one thread working at the
  // end.
  transformer_.pool().ParallelFor(segments_.count * config.heads, [&](size_t item, int thread) {
    const size_t segment = segments_.count - 1 - item / config.heads, head = item % config.heads;
    const HeadCache& cache = caches[head / config.group()];
    AttentionArgs args{};
    args.head_dim = config.head_dim;
    args.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
    args.kv_type = cache.type();
    args.pages = cache.pages();
    args.probabilities = probabilities_[static_cast<size_t>(thread)].data();
    const size_t end = segments_.end(segment);
    for (size_t first = segments_.begin(segment); first < end; first += kMaxQueries) {
      args.queries = std::min(kMaxQueries, end - first);
      args.slots = 0;
      for (size_t i = 0; i < args.queries; ++i) {
        const size_t query = first + i;
        args.q[i] = q.row(query) + head * config.head_dim;
        args.out[i] = out == nullptr ? nullptr : out->row(query) + head * config.head_dim;
        args.visible[i] = query < unmasked_before ? segments_.prompt : query + 1;
        args.slots = std::max(args.slots, args.visible[i]);
      }
      Attention(args);
      for (size_t sum : sums) {
        const size_t from = scores.queries(sum).First(segments_.prompt);
        for (size_t i = first >= from ? 0 : from - first; i < args.queries; ++i) {
          AccumulateScores(args.probabilities + i * PaddedSlots(args.slots), args.visible[i],
                           scores.At(sum, head, segment));
        }
      }
    }
  });
}

size_t ExactPromptAttention::scratch_bytes() const {
  size_t bytes = 0;
  for (const AlignedVector<float>& buffer : probabilities_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
