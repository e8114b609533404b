// Causal attention of a whole prompt on tensor cores: the fast path's form of
// kernels/cuda/prefill_attention.h.
#pragma once

#include "kernels/cuda/prefill_attention.h"

namespace kvscope {

// PrefillAttentionOnDevice with queries, keys, values and exponentials rounded to bfloat16 before they are
// multiplied; sums and maxima are float, and of the exponentials as they were before. A query's sums go over
// pages in order and inside a page as tensor cores do. cudaErrorInvalidValue besides: unmasked_before above
// 0, out null.
[[nodiscard]] cudaError_t TensorPrefillOnDevice(const PrefillAttentionParams& params, cudaStream_t stream);

}  // namespace kvscope
