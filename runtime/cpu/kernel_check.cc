#include "runtime/cpu/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "fmt/format.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/fast_decode.h"
#include "kernels/cpu/fast_prefill.h"
#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/packed_matmul.h"
#include "kernels/cpu/reference.h"
#include "kernels/cpu/targets.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/dequantize.h"
#include "kernels/select.h"

namespace kvscope {
namespace {

constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};
constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8};

// Keeps NaN: an error that is none of the numbers is the largest.
void Note(double error, KernelCheck& check) {
  if (!(error <= check.error)) check.error = error;
}

KernelCheck CheckDequantize(std::mt19937& random, DType dtype) {
  constexpr size_t kRows = 16, kColumns = 160;
  KernelCheck check{.name = fmt::format("dequantize {}", Name(dtype))};  // to the bit
  const RandomMatrix stored(random, dtype, kRows, kColumns);
  for (size_t r = 0; r < kRows; ++r) {
    std::vector<float> fast(kColumns), plain(kColumns);
    DequantizeRowFast(stored.matrix, r, fast.data());
    DequantizeRow(dtype, stored.matrix.row(r), kColumns, plain.data());
    Note(std::memcmp(fast.data(), plain.data(), kColumns * sizeof(float)) == 0 ? 0 : 1, check);
  }
  return check;
}

// Relative to the size of the terms.
KernelCheck CheckMatMul(std::mt19937& random, DType dtype, ThreadPool& pool) {
  constexpr size_t kRows = 96, kColumns = 320, kTokens = 37;
  KernelCheck check{.name = fmt::format("matmul {}", Name(dtype)), .allowed = 1e-6};
  const RandomMatrix stored(random, dtype, kRows, kColumns);
  const AlignedVector<float> x = RandomFloats(random, kTokens * kColumns);
  std::vector<float> y(kTokens * kRows);
  MatMul(stored.matrix, x.data(), kColumns, kTokens, y.data(), kRows, pool);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t t = 0; t < kTokens; ++t) {
      const PlainProduct plain = MultiplyRow(stored.matrix, r, &x[t * kColumns]);
      Note(std::fabs(y[t * kRows + r] - plain.sum) / plain.size, check);
    }
  }
  return check;
}

// The fast path's product with the weights' own values, relative to the size of the terms: what rounding
// costs.
KernelCheck CheckPackedMatMul(std::mt19937& random, DType dtype, Pass pass, ThreadPool& pool) {
  constexpr size_t kRows = 96, kColumns = 320, kTokens = 37;
  const RandomMatrix stored(random, dtype, kRows, kColumns);
  PackedMatrix packed = PackedShape(stored.matrix);
  const HugeBuffer buffer(packed.bytes());
  PackPanels(stored.matrix, 0, packed.panels(), buffer.data());
  packed.data = buffer.data();
  const ActivationForms forms = FormsFor(packed, pass);
  KernelCheck check{
      .name = fmt::format("packed {} {}", Name(dtype), pass == Pass::kDecode ? "decode" : "prefill"),
      .allowed = forms.int16 ? 1e-4 : 4e-3};
  const AlignedVector<float> x = RandomFloats(random, kTokens * kColumns);
  ActivationRows rows(kColumns);
  rows.Resize(kTokens, forms);
  for (size_t t = 0; t < kTokens; ++t) rows.Set(t, &x[t * kColumns]);
  std::vector<float> y(kTokens * kRows);
  PackedMatMul({{{packed, y.data(), kRows}}}, rows, kTokens, pass, pool);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t t = 0; t < kTokens; ++t) {
      const PlainProduct plain = MultiplyRow(stored.matrix, r, &x[t * kColumns]);
      Note(std::fabs(y[t * kRows + r] - plain.sum) / plain.size, check);
    }
  }
  return check;
}

KernelCheck CheckAttention(std::mt19937& random, KvType type) {
  constexpr size_t kHeadDim = 64, kSlots = 500;
  KernelCheck check{.name = fmt::format("attention {}", Name(type)), .allowed = 5e-6};
  const RandomCache cache(random, type, kSlots, kHeadDim);
  const AlignedVector<float> q = RandomFloats(random, kMaxQueries * kHeadDim);
  AlignedVector<float> probabilities(kMaxQueries * PaddedSlots(kSlots)), out(kMaxQueries * kHeadDim);
  AttentionArgs args{};
  args.queries = kMaxQueries;
  args.head_dim = kHeadDim;
  args.slots = kSlots;
  args.scale = 1.0f / std::sqrt(static_cast<float>(kHeadDim));
  args.kv_type = type;
  args.pages = cache.pages();
  args.probabilities = probabilities.data();
  for (size_t i = 0; i < kMaxQueries; ++i) {
    args.q[i] = &q[i * kHeadDim];
    args.visible[i] = kSlots - i * 61;
    args.out[i] = &out[i * kHeadDim];
  }
  Attention(args);
  for (size_t i = 0; i < kMaxQueries; ++i) {
    std::vector<double> plain_probabilities, plain_out;
    cache.Attend(args.q[i], args.visible[i], plain_probabilities, plain_out);
    for (size_t s = 0; s < args.visible[i]; ++s)
      Note(std::fabs(probabilities[i * PaddedSlots(kSlots) + s] - plain_probabilities[s]), check);
    for (size_t d = 0; d < kHeadDim; ++d) Note(std::fabs(out[i * kHeadDim + d] - plain_out[d]), check);
  }
  return check;
}

// The fast path's kernels round queries and weights to the element type's products.
constexpr double kFastAttentionError = 1.5e-2;

KernelCheck CheckFastDecode(std::mt19937& random, KvType type) {
  constexpr size_t kHeadDim = 64, kSlots = 700, kQueries = 3;
  KernelCheck check{.name = fmt::format("fast decode attention {}", Name(type)),
                    .allowed = kFastAttentionError};
  const RandomCache cache(random, type, kSlots, kHeadDim);
  const AlignedVector<float> q = RandomFloats(random, kQueries * kHeadDim);
  AlignedVector<float> parts(Chunks(kSlots) * kQueries * kHeadDim), out(kQueries * kHeadDim);
  std::vector<SoftmaxSums> sums(Chunks(kSlots));
  DecodeTile tile{.queries = kQueries,
                  .head_dim = kHeadDim,
                  .q = {},
                  .scale = 1.0f / std::sqrt(static_cast<float>(kHeadDim)),
                  .kv_type = type,
                  .pages = cache.pages(),
                  .slots = kSlots,
                  .rows = {},
                  .parts = parts.data(),
                  .sums = sums.data()};
  float* rows[kQueries];
  for (size_t r = 0; r < kQueries; ++r) {
    tile.q[r] = &q[r * kHeadDim];
    rows[r] = &out[r * kHeadDim];
  }
  for (size_t chunk = 0; chunk < Chunks(kSlots); ++chunk) AttendChunk(tile, chunk);
  SoftmaxSums total;
  MergeChunks(tile, rows, total);
  for (size_t r = 0; r < kQueries; ++r) {
    std::vector<double> probabilities, plain;
    cache.Attend(tile.q[r], kSlots, probabilities, plain);
    for (size_t d = 0; d < kHeadDim; ++d) Note(std::fabs(rows[r][d] - plain[d]), check);
  }
  return check;
}

KernelCheck CheckFastPrefill(std::mt19937& random) {
  constexpr size_t kHeadDim = 64, kPrompt = 150;
  KernelCheck check{.name = "fast prefill attention bf16", .allowed = kFastAttentionError};
  const RandomCache cache(random, KvType::kBF16, kPrompt, kHeadDim);
  const AlignedVector<float> q = RandomFloats(random, kPrompt * kHeadDim);
  AlignedVector<float> out(kPrompt * kHeadDim);
  PrefillAttention attention(1, kHeadDim);
  for (size_t first = 0; first < kPrompt; first += kBlockQueries) {
    attention.Attend({.first = first,
                      .queries = std::min(kBlockQueries, kPrompt - first),
                      .q = &q[first * kHeadDim],
                      .q_stride = kHeadDim,
                      .pages = cache.pages(),
                      .prompt = kPrompt,
                      .out = &out[first * kHeadDim],
                      .out_stride = kHeadDim});
  }
  for (size_t i = 0; i < kPrompt; ++i) {
    std::vector<double> probabilities, plain;
    cache.Attend(&q[i * kHeadDim], i + 1, probabilities, plain);
    for (size_t d = 0; d < kHeadDim; ++d) Note(std::fabs(out[i * kHeadDim + d] - plain[d]), check);
  }
  return check;
}

KernelCheck CheckRmsNorm(std::mt19937& random) {
  constexpr size_t kColumns = 577;
  constexpr float kEps = 1e-5f;
  KernelCheck check{.name = "rmsnorm", .allowed = 1e-5};
  const AlignedVector<float> x = RandomFloats(random, kColumns), weight = RandomFloats(random, kColumns);
  std::vector<float> out(kColumns);
  RmsNorm(x.data(), weight.data(), kColumns, kEps, out.data());
  double squares = 0;
  for (const float value : x) squares += double{value} * value;
  const double scale = 1.0 / std::sqrt(squares / kColumns + kEps);
  for (size_t i = 0; i < kColumns; ++i) Note(std::fabs(out[i] - x[i] * scale * weight[i]), check);
  return check;
}

KernelCheck CheckSwiGlu(std::mt19937& random) {
  constexpr size_t kColumns = 577;
  KernelCheck check{.name = "swiglu", .allowed = 1e-6};
  const AlignedVector<float> x = RandomFloats(random, kColumns), up = RandomFloats(random, kColumns);
  AlignedVector<float> gate(x);
  SwiGlu(gate.data(), up.data(), kColumns);
  for (size_t i = 0; i < kColumns; ++i)
    Note(std::fabs(gate[i] - x[i] / (1.0 + std::exp(-double{x[i]})) * up[i]), check);
  return check;
}

// Entries of the selection that a sort would not have taken.
KernelCheck CheckTopK(std::mt19937& random) {
  constexpr size_t kEntries = 4096;
  constexpr int kKept = 512;
  KernelCheck check{.name = "top-k"};
  const AlignedVector<float> scores = RandomFloats(random, kEntries);
  std::vector<float> sorted(scores.begin(), scores.end());
  std::ranges::sort(sorted, std::ranges::greater());
  const std::vector<int> kept = TopK(scores, kKept);
  Note(std::fabs(static_cast<double>(kept.size()) - kKept), check);
  for (const int entry : kept) Note(scores[static_cast<size_t>(entry)] < sorted[kKept - 1] ? 1 : 0, check);
  return check;
}

}  // namespace

KernelReport CheckKernels(int threads) {
  std::mt19937 random(20241220);
  ThreadPool pool(threads);
  KernelReport report{.target = fmt::format("{}, {}", DispatchedTarget(), Name(CurrentLevel()))};
  std::vector<KernelCheck>& checks = report.checks;
  for (const DType dtype : kTypes) {
    checks.push_back(CheckDequantize(random, dtype));
    checks.push_back(CheckMatMul(random, dtype, pool));
    for (const Pass pass : {Pass::kDecode, Pass::kPrefill})
      checks.push_back(CheckPackedMatMul(random, dtype, pass, pool));
  }
  for (const KvType type : kKvTypes) checks.push_back(CheckAttention(random, type));
  for (const KvType type : {KvType::kBF16, KvType::kInt8}) checks.push_back(CheckFastDecode(random, type));
  checks.push_back(CheckFastPrefill(random));
  checks.push_back(CheckRmsNorm(random));
  checks.push_back(CheckSwiGlu(random));
  checks.push_back(CheckTopK(random));
  return report;
}

}  // namespace kvscope
