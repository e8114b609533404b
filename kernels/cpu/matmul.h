// Activations times a stored weight matrix in float32, the exact path: the weights' own values, dequantized
// on the way, float products and sums.
#pragma once

#include <cstddef>

#include "kernels/cpu/thread_pool.h"
#include "kernels/weight_matrix.h"

namespace kvscope {

// Floats that a row of activations takes: rows are padded with zeros to whole vectors.
constexpr size_t PaddedColumns(size_t columns) { return (columns + 15) / 16 * 16; }

// y[t][r] = sum over k of w[r][k] * x[t][k] for t in [0, tokens) and every row r of w.
// x: [tokens, x_stride], zero from w.columns to PaddedColumns(w.columns). y: [tokens, y_stride]; elements
// past w.rows are left alone. REQUIRES: x_stride >= PaddedColumns(w.columns), y_stride >= w.rows; x and y do
// not overlap.
//
// Each y is one sum of 16 interleaved partial sums, whatever `tokens`, the threads and the vector width of
// the machine: a token's result does not depend on the batch it is computed in.
void MatMul(const WeightMatrix& w, const float* x, size_t x_stride, size_t tokens, float* y, size_t y_stride,
            ThreadPool& pool);

// out[0, columns): the row as float, with the same bits as DequantizeRow of kernels/dequantize.h.
void DequantizeRowFast(const WeightMatrix& w, size_t row, float* out);

}  // namespace kvscope
