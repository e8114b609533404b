#include "runtime/cpu/decode_attention.h"

#include "kernels/cpu/page_products.h"
#include "runtime/cpu/exact_decode_attention.h"
#include "runtime/cpu/fast_decode_attention.h"

namespace kvscope {

std::unique_ptr<DecodeAttention> MakeDecodeAttention(Precision precision, size_t head_dim, ThreadPool& pool) {
  if (precision == Precision::kBF16 && head_dim <= kMaxFastHeadDim)
    return std::make_unique<FastDecodeAttention>(head_dim, pool);
  return std::make_unique<ExactDecodeAttention>(head_dim, pool);
}

}  // namespace kvscope
