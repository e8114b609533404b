#include "kernels/cpu/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/attention.h"
#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {

AlignedVector<float> RandomFloats(std::mt19937& random, size_t n) {
  std::normal_distribution<float> normal;
  AlignedVector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

RandomMatrix::RandomMatrix(std::mt19937& random, DType dtype, size_t rows, size_t columns)
    : bytes(rows * RowBytes(dtype, columns)), matrix{dtype, rows, columns, bytes.data()} {
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const size_t block = BlockBytes(dtype);
  for (size_t at = 0; at < bytes.size(); at += block) {
    const auto put = [&](size_t offset, uint16_t half) { std::memcpy(&bytes[at + offset], &half, 2); };
    const float scale = static_cast<float>(random() % 1000 + 1) / 64000.0f;
    switch (dtype) {
      case DType::kF32:
        std::memcpy(&bytes[at], &scale, 4);
        break;
      case DType::kF16:
        put(0, F32ToF16(scale - 0.008f));
        break;
      case DType::kBF16:
        put(0, F32ToBF16(scale - 0.008f));
        break;
      case DType::kQ4_1:
        put(2, F32ToF16(-8 * scale));
        [[fallthrough]];
      case DType::kQ4_0:
      case DType::kQ8_0:
        put(0, F32ToF16(scale));
        break;
    }
  }
}

PlainProduct MultiplyRow(const WeightMatrix& w, size_t row, const float* x) {
  std::vector<float> weights(w.columns);
  DequantizeRow(w.dtype, w.row(row), w.columns, weights.data());
  PlainProduct product;
  for (size_t k = 0; k < w.columns; ++k) {
    const double term = double{weights[k]} * x[k];
    product.sum += term;
    product.size += std::fabs(term);
  }
  return product;
}

RandomCache::RandomCache(std::mt19937& random, KvType type, size_t slots, size_t head_dim)
    : type_(type),
      head_dim_(head_dim),
      storage_(PaddedSlots(slots) / kPageSlots * PageBytes(type, head_dim)) {
  for (size_t p = 0; p < PaddedSlots(slots) / kPageSlots; ++p)
    pages_.push_back(storage_.data() + p * PageBytes(type, head_dim));
  for (size_t s = 0; s < slots; ++s) {
    const AlignedVector<float> k = RandomFloats(random, head_dim), v = RandomFloats(random, head_dim);
    StoreSlot(type, pages_[s / kPageSlots], s % kPageSlots, head_dim, k.data(), v.data());
  }
}

void RandomCache::Attend(const float* q, size_t visible, std::vector<double>& probabilities,
                         std::vector<double>& out) const {
  std::vector<float> k(head_dim_), v(head_dim_);
  probabilities.assign(visible, 0);
  out.assign(head_dim_, 0);
  double max = -std::numeric_limits<double>::infinity(), sum = 0;
  for (size_t s = 0; s < visible; ++s) {
    LoadSlot(type_, pages_[s / kPageSlots], s % kPageSlots, head_dim_, k.data(), v.data());
    for (size_t d = 0; d < head_dim_; ++d) probabilities[s] += double{q[d]} * k[d];
    probabilities[s] /= std::sqrt(static_cast<double>(head_dim_));
    max = std::max(max, probabilities[s]);
  }
  for (double& p : probabilities) sum += p = std::exp(p - max);
  for (size_t s = 0; s < visible; ++s) {
    probabilities[s] /= sum;
    LoadSlot(type_, pages_[s / kPageSlots], s % kPageSlots, head_dim_, k.data(), v.data());
    for (size_t d = 0; d < head_dim_; ++d) out[d] += probabilities[s] * v[d];
  }
}

}  // namespace kvscope
