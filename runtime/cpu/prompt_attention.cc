#include "runtime/cpu/prompt_attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/attention.h"

namespace kvscope {
namespace {

// Runs of queries that are worked on, and whose scores are summed, apart.
constexpr size_t kSegments = 16;

size_t SegmentQueries(size_t prompt) {
  const size_t even = (prompt + kSegments - 1) / kSegments;
  return (even + kMaxQueries - 1) / kMaxQueries * kMaxQueries;
}

size_t Segments(size_t prompt) { return (prompt + SegmentQueries(prompt) - 1) / SegmentQueries(prompt); }

}  // namespace

void PromptAttention::Run(Transformer& transformer, const std::vector<HeadCache>& caches,
                          const Activations& q, Activations& out, PromptScores& scores) {
  scores.Reset(transformer.config().heads, Segments(prompt_));
  probabilities_.resize(static_cast<size_t>(transformer.pool().threads()));
  for (AlignedVector<float>& buffer : probabilities_) buffer.resize(kMaxQueries * PaddedSlots(prompt_));

  std::vector<size_t> causal, unmasked;
  for (size_t sum = 0; sum < scores.sums(); ++sum) {
    (scores.queries(sum).kind == QuerySet::Kind::kUnmasked ? unmasked : causal).push_back(sum);
  }
  Pass(transformer, caches, q, &out, 0, scores, causal);
  for (size_t sum : unmasked) {
    Pass(transformer, caches, q, nullptr, prompt_ - scores.queries(sum).window, scores, {sum});
  }
}

void PromptAttention::Pass(Transformer& transformer, const std::vector<HeadCache>& caches,
                           const Activations& q, Activations* out, size_t unmasked_before,
                           PromptScores& scores, const std::vector<size_t>& sums) {
  const ModelConfig& config = transformer.config();
  const size_t segment_queries = SegmentQueries(prompt_), segments = Segments(prompt_);
  // The last segments cost most under a causal mask: taken first, they do not leave one thread working at the
  // end.
  transformer.pool().ParallelFor(segments * config.heads, [&](size_t item, int thread) {
    const size_t segment = segments - 1 - item / config.heads, head = item % config.heads;
    const HeadCache& cache = caches[head / config.group()];
    AttentionArgs args{};
    args.head_dim = config.head_dim;
    args.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
    args.kv_type = cache.type();
    args.pages = cache.pages();
    args.probabilities = probabilities_[static_cast<size_t>(thread)].data();
    const size_t end = std::min(prompt_, (segment + 1) * segment_queries);
    for (size_t first = segment * segment_queries; first < end; first += kMaxQueries) {
      args.queries = std::min(kMaxQueries, end - first);
      args.slots = 0;
      for (size_t i = 0; i < args.queries; ++i) {
        const size_t query = first + i;
        args.q[i] = q.row(query) + head * config.head_dim;
        args.out[i] = out == nullptr ? nullptr : out->row(query) + head * config.head_dim;
        args.visible[i] = query < unmasked_before ? prompt_ : query + 1;
        args.slots = std::max(args.slots, args.visible[i]);
      }
      Attention(args);
      for (size_t sum : sums) {
        const QuerySet& set = scores.queries(sum);
        const size_t first_query = set.kind == QuerySet::Kind::kWindow ? prompt_ - set.window : 0;
        for (size_t i = first >= first_query ? 0 : first_query - first; i < args.queries; ++i) {
          AccumulateScores(args.probabilities + i * PaddedSlots(args.slots), args.visible[i],
                           scores.At(sum, head, segment));
        }
      }
    }
  });
}

size_t PromptAttention::scratch_bytes() const {
  size_t bytes = 0;
  for (const AlignedVector<float>& buffer : probabilities_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
