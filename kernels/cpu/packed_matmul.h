// Products of rounded activations with packed weights: the fast path.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/cpu/activation_rows.h"
#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/thread_pool.h"

namespace kvscope {

// What a product is for. Both give a row the same result whatever the other rows, the threads and the number
// of rows are; the two need not agree with each other.
enum class Pass {
  kDecode,   // few rows: activations are int16 where weights are quantized
  kPrefill,  // many rows: activations are int8 where weights are quantized; with tiles, both become bfloat16
};

// The forms in which `w` takes its activations.
ActivationForms FormsFor(const PackedMatrix& w, Pass pass);

struct PackedProduct {
  const PackedMatrix& w;
  float* y;         // [rows, y_stride]; element [w.rows] of a row and those after it are left alone
  size_t y_stride;  // at least w.rows
};

// y[t][r] = w's row r times row t of x, t < rows, for all products in one parallel loop. REQUIRES: x has the
// columns of every w, and was written in the forms that they take.
void PackedMatMul(std::span<const PackedProduct> products, const ActivationRows& x, size_t rows, Pass pass,
                  ThreadPool& pool);

// Row t of out = silu(gate x_t) * (up x_t). REQUIRES: gate and up have the same shape, and out, of as many
// columns as they have rows, was resized for `rows` rows.
void PackedSwiGlu(const PackedMatrix& gate, const PackedMatrix& up, const ActivationRows& x, size_t rows,
                  Pass pass, ActivationRows& out, ThreadPool& pool);

}  // namespace kvscope
