// Helpers on Highway vectors that the kernels share. Included once per target, inside HWY_BEFORE_NAMESPACE().
#if defined(KERNELS_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_VECTOR_INL_H_
#undef KERNELS_CPU_VECTOR_INL_H_
#else
#define KERNELS_CPU_VECTOR_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums are kept in 16 lanes whatever the machine has: one vector with AVX-512, two with AVX2, four with NEON.
inline constexpr size_t kSumLanes = 16;
using F = hn::CappedTag<float, kSumLanes>;
using V = hn::Vec<F>;
inline constexpr size_t kLanes = hn::MaxLanes(F());
inline constexpr size_t kVectors = kSumLanes / kLanes;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE float FoldToOne(F, V v) { return hn::GetLane(v); }
#else
template <typename D>
HWY_INLINE float FoldToOne(D, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return FoldToOne(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif

// Sum of the 16 lanes of kVectors vectors. Lane i meets lane i + 8, then i + 4, i + 2, i + 1: the same
// additions in the same order on every target.
HWY_INLINE float SumLanes(const V* vectors) {
  V v[kVectors];
  for (size_t i = 0; i < kVectors; ++i) v[i] = vectors[i];
  for (size_t n = kVectors / 2; n >= 1; n /= 2) {
    for (size_t i = 0; i < n; ++i) v[i] = hn::Add(v[i], v[i + n]);
  }
  return FoldToOne(F(), v[0]);
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_VECTOR_INL_H_
