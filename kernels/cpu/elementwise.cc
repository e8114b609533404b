#include "kernels/cpu/elementwise.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

float SumOfSquares(const float* HWY_RESTRICT x, size_t columns) {
  const F d;
  V sums[kVectors];
  for (V& sum : sums) sum = hn::Zero(d);
  size_t i = 0;
  for (; i + kSumLanes <= columns; i += kSumLanes) {
    for (size_t v = 0; v < kVectors; ++v) {
      const V element = hn::LoadU(d, x + i + v * kLanes);
      sums[v] = hn::MulAdd(element, element, sums[v]);
    }
  }
  float sum = SumLanes(sums);
  for (; i < columns; ++i) sum += x[i] * x[i];
  return sum;
}

void SwiGluImpl(float* HWY_RESTRICT gate, const float* HWY_RESTRICT up, size_t columns) {
  const F d;
  const V one = hn::Set(d, 1.0f);
  size_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    const V z = hn::LoadU(d, gate + i);
    const V silu = hn::Div(z, hn::Add(one, hn::Exp(d, hn::Neg(z))));
    hn::StoreU(hn::Mul(silu, hn::LoadU(d, up + i)), d, gate + i);
  }
  for (; i < columns; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(SwiGluImpl);
}  // namespace

void RmsNorm(const float* x, const float* weight, size_t columns, float eps, float* out) {
  const float mean = HWY_DYNAMIC_DISPATCH(SumOfSquares)(x, columns) / static_cast<float>(columns);
  const float scale = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < columns; ++i) out[i] = x[i] * scale * weight[i];
}

void SwiGlu(float* gate, const float* up, size_t columns) {
  HWY_DYNAMIC_DISPATCH(SwiGluImpl)(gate, up, columns);
}

void AddTo(float* x, const float* y, size_t columns) {
  for (size_t i = 0; i < columns; ++i) x[i] += y[i];
}

void RotateHead(float* head, size_t head_dim, const float* cosine, const float* sine) {
  const size_t half = head_dim / 2;
  for (size_t i = 0; i < half; ++i) {
    const float low = head[i];
    const float high = head[i + half];
    head[i] = low * cosine[i] - high * sine[i];
    head[i + half] = high * cosine[i] + low * sine[i];
  }
}

int ArgMaxFinite(std::span<const float> x) {
  int best = -1;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) return -1;
    if (best < 0 || x[i] > x[static_cast<size_t>(best)]) best = static_cast<int>(i);
  }
  return best;
}

}  // namespace kvscope
#endif  // HWY_ONCE
