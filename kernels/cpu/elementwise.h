// Row-wise float32 kernels of a Llama block on the CPU. Rows are independent.
#pragma once

#include <cstddef>
#include <span>

namespace kvscope {

// out[i] = x[i] * weight[i] / sqrt(mean(x^2) + eps) (Zhang and Sennrich 2019, section 3). out may be x.
void RmsNorm(const float* x, const float* weight, size_t columns, float eps, float* out);

// gate[i] = silu(gate[i]) * up[i], silu(z) = z / (1 + exp(-z)) (Shazeer 2020).
void SwiGlu(float* gate, const float* up, size_t columns);

// x[i] += y[i].
void AddTo(float* x, const float* y, size_t columns);

// Rotates one head in place: pair (i, i + head_dim / 2) by angle i, given as cosine and sine, [head_dim / 2]
// each (Su et al. 2021; the pairing of Hugging Face's rotate_half).
void RotateHead(float* head, size_t head_dim, const float* cosine, const float* sine);

// Index of the largest element, the smallest such index on a tie; -1 when any element is NaN or infinite, or
// there is none.
int ArgMaxFinite(std::span<const float> x);

}  // namespace kvscope
