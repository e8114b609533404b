// Plain loops in double precision, and random data for them: what the CPU kernels are held against, by their
// tests and by `kvscope doctor --selftest`.
#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/kv_page.h"
#include "kernels/weight_matrix.h"

namespace kvscope {

// Normally distributed.
AlignedVector<float> RandomFloats(std::mt19937& random, size_t n);

// A stored matrix of random blocks with scales of about 1/64.
struct RandomMatrix {
  RandomMatrix(std::mt19937& random, DType dtype, size_t rows, size_t columns);

  std::vector<std::byte> bytes;
  WeightMatrix matrix;
};

// A row's product with a token, and the sum of its terms' sizes, which rounding is measured by.
struct PlainProduct {
  double sum = 0;
  double size = 0;
};

// `x`: [w.columns].
PlainProduct MultiplyRow(const WeightMatrix& w, size_t row, const float* x);

// Pages of one head with random rows, written through StoreSlot.
class RandomCache {
 public:
  RandomCache(std::mt19937& random, KvType type, size_t slots, size_t head_dim);

  std::span<std::byte* const> pages() const { return pages_; }

  // One query's attention over the first `visible` slots. probabilities: [visible], out: [head_dim], out.
  void Attend(const float* q, size_t visible, std::vector<double>& probabilities,
              std::vector<double>& out) const;

 private:
  KvType type_;
  size_t head_dim_;
  AlignedVector<std::byte> storage_;
  std::vector<std::byte*> pages_;
};

}  // namespace kvscope
