#include "runtime/cpu/prompt_attention.h"

#include <algorithm>

#include "kernels/cpu/page_products.h"
#include "runtime/cpu/exact_prompt_attention.h"
#include "runtime/cpu/fast_prompt_attention.h"

namespace kvscope {
namespace {

constexpr size_t kSegments = 16;

}  // namespace

PromptSegments::PromptSegments(size_t of_prompt, size_t multiple) : prompt(of_prompt) {
  const size_t even = (prompt + kSegments - 1) / kSegments;
  queries = (even + multiple - 1) / multiple * multiple;
  count = (prompt + queries - 1) / queries;
}

size_t PromptSegments::end(size_t segment) const { return std::min(prompt, begin(segment + 1)); }

std::unique_ptr<PromptAttention> MakePromptAttention(Transformer& transformer, size_t prompt) {
  if (transformer.precision() == Precision::kBF16 && transformer.config().head_dim <= kMaxFastHeadDim)
    return std::make_unique<FastPromptAttention>(transformer, prompt);
  return std::make_unique<ExactPromptAttention>(transformer, prompt);
}

}  // namespace kvscope
