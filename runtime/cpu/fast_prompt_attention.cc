#include "runtime/cpu/fast_prompt_attention.h"

#include <algorithm>

#include "kernels/cpu/attention.h"

namespace kvscope {

FastPromptAttention::FastPromptAttention(Transformer& transformer, size_t prompt)
    : transformer_(transformer), segments_(prompt, kBlockQueries) {
  const ModelConfig& config = transformer.config();
  for (int thread = 0; thread < transformer.pool().threads(); ++thread)
    attention_.emplace_back(config.group(), config.head_dim);
}

void FastPromptAttention::Run(std::span<const HeadCache> caches, const Activations& q, const Activations& k,
                              const Activations& v, Activations& out, PromptScores& scores) {
  scores.Reset(transformer_.config().heads, segments_.count);
  if (caches.front().type() != KvType::kBF16) {
    const size_t head_bytes =
        PaddedSlots(segments_.prompt) / kPageSlots * PageBytes(KvType::kBF16, transformer_.config().head_dim);
    made_pages_.resize(caches.size() * head_bytes);
  }
  std::vector<Pages> pages(caches.size());
  transformer_.pool().ParallelFor(caches.size(),
                                  [&](size_t head, int) { pages[head] = PagesOf(caches[head], head, k, v); });
  std::vector<size_t> causal, unmasked;
  for (size_t sum = 0; sum < scores.sums(); ++sum) {
    (scores.queries(sum).kind == QuerySet::Kind::kUnmasked ? unmasked : causal).push_back(sum);
  }
  Pass(pages, q, &out, 0, scores, causal);
  for (size_t sum : unmasked) {
    Pass(pages, q, nullptr, segments_.prompt - scores.queries(sum).window, scores, {sum});
  }
}

FastPromptAttention::Pages FastPromptAttention::PagesOf(const HeadCache& cache, size_t kv_head,
                                                        const Activations& k, const Activations& v) {
  if (cache.type() == KvType::kBF16) return {cache.pages().begin(), cache.pages().end()};
  const size_t head_dim = cache.head_dim(), page_bytes = PageBytes(KvType::kBF16, head_dim);
  const size_t count = PaddedSlots(segments_.prompt) / kPageSlots;
  std::byte* first = made_pages_.data() + kv_head * count * page_bytes;
  Pages pages;
  for (size_t p = 0; p < count; ++p) pages.push_back(first + p * page_bytes);
  for (size_t t = 0; t < segments_.prompt; ++t) {
    StoreSlot(KvType::kBF16, first + t / kPageSlots * page_bytes, t % kPageSlots, head_dim,
              k.row(t) + kv_head * head_dim, v.row(t) + kv_head * head_dim);
  }
  return pages;
}

void FastPromptAttention::Pass(std::span<const Pages> pages, const Activations& q, Activations* out,
                               size_t unmasked_before, PromptScores& scores,
                               const std::vector<size_t>& sums) {
  const ModelConfig& config = transformer_.config();
  const size_t group = config.group();
  // The last segments cost most under a causal mask: taken first, they do not leave one thread working at the
  // end.
  transformer_.pool().ParallelFor(segments_.count * config.kv_heads, [&](size_t item, int thread) {
    PrefillAttention& attention = attention_[static_cast<size_t>(thread)];
    const size_t segment = segments_.count - 1 - item / config.kv_heads, kv_head = item % config.kv_heads;
    const size_t column = kv_head * group * config.head_dim, end = segments_.end(segment);
    for (size_t first = segments_.begin(segment); first < end; first += kBlockQueries) {
      const PrefillBlock block = {.first = first,
                                  .queries = std::min(kBlockQueries, end - first),
                                  .q = q.row(first) + column,
                                  .q_stride = q.stride(),
                                  .pages = pages[kv_head],
                                  .prompt = segments_.prompt,
                                  .unmasked_before = unmasked_before,
                                  .out = out == nullptr ? nullptr : out->row(first) + column,
                                  .out_stride = out == nullptr ? 0 : out->stride()};
      attention.Attend(block);
      for (size_t sum : sums) {
        for (size_t h = 0; h < group; ++h) {
          attention.AddProbabilities(block, h, scores.queries(sum).First(segments_.prompt),
                                     scores.At(sum, kv_head * group + h, segment));
        }
      }
    }
  });
}

size_t FastPromptAttention::scratch_bytes() const {
  size_t bytes = made_pages_.size();
  for (const PrefillAttention& attention : attention_) bytes += attention.bytes();
  return bytes;
}

}  // namespace kvscope
