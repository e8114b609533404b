// Exact attention of a whole prompt over one layer's cache on a device, without a matrix of all scores; and
// what attention each position received, in a second pass that computes the scores again. The twin is
// runtime/cpu/prompt_attention.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/kv_page.h"

namespace kvscope {

// All pointers are of device memory.
struct PrefillAttentionParams {
  const float* q;                 // [prompt, heads, head_dim], rotated, not scaled
  const std::byte* const* pages;  // [kv_heads, pages of `prompt` slots]; slot t holds position t
  unsigned prompt;
  unsigned heads;
  unsigned kv_heads;  // divides heads
  unsigned head_dim;  // 8 times a power of two
  KvType kv_type;
  float scale;  // 1 / sqrt(head_dim)
  // Queries before this one see the whole prompt, the others what came before them and themselves. 0: causal
  // attention; above 0 only the published H2O's scores are meant.
  unsigned unmasked_before;
  float* max;  // [heads, prompt]: largest scaled score of each query
  float* sum;  // [heads, prompt]: sum of exp(score - max)
  float* out;  // [prompt, heads, head_dim]; null: max and sum only
};

// Writes max, sum and, where it is not null, out = softmax(scale * q . K) V.
//
// Float throughout. A score is a sum over head_dim in order; max, sum and weighted values go page by page,
// each page's sum over slots 16 apart, then over lanes, its values over slots in order. cudaErrorInvalidValue
// when parameters are not as described; nothing is launched then.
[[nodiscard]] cudaError_t PrefillAttentionOnDevice(const PrefillAttentionParams& params, cudaStream_t stream);

// received[h][j] = sum over queries i in [first_query, prompt) that see j of their probability exp(score -
// max) / sum, for each query head h. [heads, prompt], in device memory. params.max and params.sum are as
// PrefillAttentionOnDevice left them for the same parameters; params.out is not used.
//
// Queries are summed 4 at a time, 32 apart, then these 8 sums in order. Errors as above, and for first_query
// >= prompt.
[[nodiscard]] cudaError_t ReceivedAttentionOnDevice(const PrefillAttentionParams& params,
                                                    unsigned first_query, float* received,
                                                    cudaStream_t stream);

}  // namespace kvscope
