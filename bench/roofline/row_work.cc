#include "bench/roofline/kernel_work.h"

namespace kvscope::roofline {
namespace {

// Bytes that a thread loads for one stored element: of quantized types the header of its block each time.
size_t RequestedElementBytes(DType type) {
  switch (type) {
    case DType::kQ8_0:
    case DType::kQ4_0:
      return 2 + 1;
    case DType::kQ4_1:
      return 4 + 1;
    default:
      return BlockBytes(type);
  }
}

constexpr size_t Ceil(size_t a, size_t b) { return (a + b - 1) / b; }

KernelWork UpdateWork(size_t n, size_t element_bytes, double flops) {
  const uint64_t load = 2 * n * element_bytes;
  return {"UpdateKernel", load, load, n * element_bytes, flops};
}

}  // namespace

KernelWork EmbedWork(DType table, size_t columns, size_t tokens, size_t element_bytes) {
  constexpr size_t kThreads = 128;
  return {"EmbedKernel", tokens * (RowBytes(table, columns) + sizeof(int)),
          tokens * (columns * RequestedElementBytes(table) + kThreads * sizeof(int)),
          tokens * columns * element_bytes, static_cast<double>(tokens * columns)};
}

KernelWork RmsNormWork(size_t rows, size_t columns, size_t element_bytes) {
  const size_t n = rows * columns;
  return {"RmsNormKernel", n * element_bytes + columns * kFloat, n * (2 * element_bytes + kFloat),
          n * element_bytes, 4.0 * static_cast<double>(n)};
}

KernelWork SwiGluWork(size_t n, size_t element_bytes) {
  return UpdateWork(n, element_bytes, 5.0 * static_cast<double>(n));
}
KernelWork AddToWork(size_t n, size_t element_bytes) {
  return UpdateWork(n, element_bytes, static_cast<double>(n));
}

KernelWork ArgMaxWork(size_t rows, size_t columns) {
  const uint64_t load = rows * columns * kFloat;
  return {"ArgMaxFiniteKernel", load, load, rows * sizeof(int), static_cast<double>(rows * columns)};
}

KernelWork MatMulWork(DType weights, size_t rows, size_t columns, size_t tokens) {
  constexpr size_t kTileTokens = 8;
  const size_t products = rows * columns * tokens;
  return {"MatMulKernel", rows * RowBytes(weights, columns) + tokens * columns * kFloat,
          rows * columns * RequestedElementBytes(weights) * Ceil(tokens, kTileTokens) + products * kFloat,
          tokens * rows * kFloat, 2.0 * static_cast<double>(products)};
}

KernelWork TensorMatMulWork(DType weights, size_t rows, size_t columns, size_t tokens) {
  constexpr size_t kBF16 = 2;
  const bool many = tokens > 32;
  const size_t tile_rows = many ? 64 : 32, tile_tokens = many ? 64 : 8;
  const size_t weight_bytes = rows * RowBytes(weights, columns), x_bytes = tokens * columns * kBF16;
  return {"TensorMatMulKernel", weight_bytes + x_bytes,
          weight_bytes * Ceil(tokens, tile_tokens) + x_bytes * Ceil(rows, tile_rows), tokens * rows * kFloat,
          2.0 * static_cast<double>(rows * columns * tokens)};
}

KernelWork DenseMatMulWork(size_t rows, size_t columns, size_t tokens) {
  constexpr size_t kBF16 = 2;
  const uint64_t load = (rows + tokens) * columns * kBF16;
  return {"cuBLASLt", load, load, tokens * rows * kFloat, 2.0 * static_cast<double>(rows * columns * tokens)};
}

KernelWork RoundWork(size_t n) {
  return {"RoundKernel", n * kFloat, n * kFloat, n * 2, static_cast<double>(n)};
}

KernelWork RopeCacheWork(const HeadShape& shape, size_t tokens, size_t positions, size_t writes,
                         size_t element_bytes) {
  constexpr size_t kThreads = 64;
  const size_t d = shape.head_dim, queries = tokens * shape.heads, rows = tokens * shape.kv_heads;
  const size_t row = d * element_bytes, angles = d * kFloat;  // a cosine and a sine for two elements
  KernelWork work{"RopeCacheKernel"};
  work.load_bytes =
      queries * row + 2 * rows * row + positions * angles + tokens * sizeof(int) + writes * kCacheWriteBytes;
  // Angles twice: what is written between two uses might be what holds them.
  work.requested_bytes = queries * (row + 2 * angles + kThreads * sizeof(int)) +
                         writes * (2 * row + 2 * angles + kThreads * (kCacheWriteBytes + sizeof(int)));
  work.store_bytes = queries * d * kFloat + writes * SlotBytes(shape.kv, d);
  work.flops = 3.0 * static_cast<double>(d * (queries + writes));
  return work;
}

}  // namespace kvscope::roofline
