// Parts of row-wise functions that more than one file has. Included once per target.
#if defined(KERNELS_CPU_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_ELEMENTWISE_INL_H_
#undef KERNELS_CPU_ELEMENTWISE_INL_H_
#else
#define KERNELS_CPU_ELEMENTWISE_INL_H_
#endif

#include <cmath>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

HWY_INLINE float SumOfSquares(const float* HWY_RESTRICT x, size_t columns) {
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

HWY_INLINE float RmsScale(const float* HWY_RESTRICT x, size_t columns, float eps) {
  return 1.0f / std::sqrt(SumOfSquares(x, columns) / static_cast<float>(columns) + eps);
}

HWY_INLINE V Silu(V z) {
  const F d;
  return hn::Div(z, hn::Add(hn::Set(d, 1.0f), hn::Exp(d, hn::Neg(z))));
}

HWY_INLINE float Silu(float z) { return z / (1.0f + std::exp(-z)); }

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_ELEMENTWISE_INL_H_
