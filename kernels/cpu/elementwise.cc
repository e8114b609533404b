#include "kernels/cpu/elementwise.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

float RmsScaleImpl(const float* x, size_t columns, float eps) { return RmsScale(x, columns, eps); }

void SwiGluImpl(float* HWY_RESTRICT gate, const float* HWY_RESTRICT up, size_t columns) {
  const F d;
  size_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    hn::StoreU(hn::Mul(Silu(hn::LoadU(d, gate + i)), hn::LoadU(d, up + i)), d, gate + i);
  }
  for (; i < columns; ++i) gate[i] = Silu(gate[i]) * up[i];
}

void AddToImpl(float* HWY_RESTRICT x, const float* HWY_RESTRICT y, size_t columns) {
  const F d;
  size_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, x + i);
  }
  for (; i < columns; ++i) x[i] += y[i];
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {
HWY_EXPORT(AddToImpl);
HWY_EXPORT(RmsScaleImpl);
HWY_EXPORT(SwiGluImpl);
}  // namespace

void RmsNorm(const float* x, const float* weight, size_t columns, float eps, float* out) {
  const float scale = HWY_DYNAMIC_DISPATCH(RmsScaleImpl)(x, columns, eps);
  for (size_t i = 0; i < columns; ++i) out[i] = x[i] * scale * weight[i];
}

void SwiGlu(float* gate, const float* up, size_t columns) {
  HWY_DYNAMIC_DISPATCH(SwiGluImpl)(gate, up, columns);
}

void AddTo(float* x, const float* y, size_t columns) { HWY_DYNAMIC_DISPATCH(AddToImpl)(x, y, columns); }

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
