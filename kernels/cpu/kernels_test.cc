// The CPU kernels against plain loops in double precision, on every vector target that this machine has.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "hwy/targets.h"
#include "kernels/aligned.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/reference.h"
#include "kernels/cpu/targets.h"
#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

// Runs a test once for each target compiled in that this machine can execute.
class KernelsTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  std::mt19937 random_{20241220};
};

std::vector<int64_t> Targets() {
  std::vector<int64_t> targets;
  for (int64_t remaining = hwy::SupportedTargets(); remaining != 0; remaining &= remaining - 1) {
    const int64_t target = remaining & -remaining;
    if ((target & CompiledTargets()) != 0) targets.push_back(target);
  }
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelsTest, testing::ValuesIn(Targets()),
                         [](const auto& param) { return std::string(hwy::TargetName(param.param)); });

constexpr DType kAllTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                               DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};
constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8};

TEST_P(KernelsTest, DequantizesToTheBitsOfThePlainTwin) {
  for (DType dtype : kAllTypes) {
    const RandomMatrix stored(random_, dtype, 5, 96);
    for (size_t r = 0; r < 5; ++r) {
      std::vector<float> fast(96), plain(96);
      DequantizeRowFast(stored.matrix, r, fast.data());
      DequantizeRow(dtype, stored.matrix.row(r), 96, plain.data());
      EXPECT_EQ(std::memcmp(fast.data(), plain.data(), 96 * sizeof(float)), 0) << Name(dtype);
    }
  }
}

TEST_P(KernelsTest, MatMulAgreesWithDoubleLoops) {
  ThreadPool pool(2);
  for (DType dtype : kAllTypes) {
    for (size_t rows : {1, 33, 70}) {
      const size_t columns = BlockElements(dtype) == 1 ? 40 : 96;  // 40: a row that needs padding
      const RandomMatrix stored(random_, dtype, rows, columns);
      const size_t stride = PaddedColumns(columns);
      for (size_t tokens : {1, 7, 8, 9, 10, 29, 31}) {
        AlignedVector<float> x = RandomFloats(random_, tokens * stride);
        for (size_t t = 0; t < tokens; ++t)
          std::fill(&x[t * stride + columns], x.data() + (t + 1) * stride, 0.0f);
        std::vector<float> y(tokens * rows);
        MatMul(stored.matrix, x.data(), stride, tokens, y.data(), rows, pool);
        for (size_t r = 0; r < rows; ++r) {
          for (size_t t = 0; t < tokens; ++t) {
            const PlainProduct plain = MultiplyRow(stored.matrix, r, &x[t * stride]);
            // columns / 16 + 4 roundings, each of a part of the sum.
            ASSERT_LE(std::fabs(y[t * rows + r] - plain.sum), plain.size * 1e-6)
                << Name(dtype) << " row " << r << " token " << t;
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, ATokensProductsDependNeitherOnTheBatchNorOnThreads) {
  const RandomMatrix stored(random_, DType::kQ4_1, 100, 96);
  const AlignedVector<float> x = RandomFloats(random_, 13 * 96);
  std::vector<float> alone(100), together(13 * 100);
  ThreadPool one(1), three(3);
  MatMul(stored.matrix, x.data(), 96, 13, together.data(), 100, three);
  for (size_t t = 0; t < 13; ++t) {
    MatMul(stored.matrix, x.data() + t * 96, 96, 1, alone.data(), 100, one);
    EXPECT_EQ(std::memcmp(alone.data(), &together[t * 100], 100 * sizeof(float)), 0) << "token " << t;
  }
}

AttentionArgs MakeArgs(KvType type, size_t head_dim, size_t slots, const RandomCache& cache) {
  AttentionArgs args{};
  args.head_dim = head_dim;
  args.slots = slots;
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.kv_type = type;
  args.pages = cache.pages();
  return args;
}

// Tiles of different lengths over the same first pages and over pages of their own.
TEST_P(KernelsTest, TilesTakenTogetherGiveWhatEachGivesAlone) {
  constexpr size_t kHeadDim = 24, kTiles = 4;
  const RandomCache common(random_, KvType::kF32, 200, kHeadDim), own(random_, KvType::kF32, 64, kHeadDim);
  std::vector<std::byte*> forked(common.pages().begin(), common.pages().end());
  forked[1] = own.pages()[0];
  const AlignedVector<float> q = RandomFloats(random_, kTiles * kHeadDim);
  AlignedVector<float> alone(kTiles * kHeadDim), together(kTiles * kHeadDim), probabilities(kTiles * 256);
  std::vector<AttentionArgs> tiles;
  for (size_t t = 0; t < kTiles; ++t) {
    const size_t slots = 200 - 60 * t;  // 200, 140, 80, 20
    AttentionArgs& tile = tiles.emplace_back(MakeArgs(KvType::kF32, kHeadDim, slots, common));
    if (t == 1) tile.pages = forked;
    tile.queries = 1;
    tile.q[0] = &q[t * kHeadDim];
    tile.visible[0] = slots;
    tile.probabilities = &probabilities[t * 256];
    tile.out[0] = &alone[t * kHeadDim];
    Attention(tile);
    tile.out[0] = &together[t * kHeadDim];
  }
  Attention(tiles);
  EXPECT_EQ(together, alone);
}

TEST_P(KernelsTest, AttentionAgreesWithDoubleLoops) {
  for (KvType type : kKvTypes) {
    for (size_t head_dim : {8, 24, 64, 128}) {
      for (size_t slots : {1, 63, 64, 200}) {
        const RandomCache cache(random_, type, slots, head_dim);
        for (size_t queries = 1; queries <= kMaxQueries; ++queries) {
          const AlignedVector<float> q = RandomFloats(random_, queries * head_dim);
          AlignedVector<float> probabilities(queries * PaddedSlots(slots), 7.0f), out(queries * head_dim);
          AttentionArgs args = MakeArgs(type, head_dim, slots, cache);
          args.queries = queries;
          args.probabilities = probabilities.data();
          for (size_t r = 0; r < queries; ++r) {
            args.q[r] = &q[r * head_dim];
            args.visible[r] = std::max<size_t>(1, slots - r * slots / 7);
            args.out[r] = &out[r * head_dim];
          }
          Attention(args);
          for (size_t r = 0; r < queries; ++r) {
            std::vector<double> expected_p, expected_out;
            cache.Attend(args.q[r], args.visible[r], expected_p, expected_out);
            for (size_t s = 0; s < PaddedSlots(slots); ++s) {
              const double expected = s < args.visible[r] ? expected_p[s] : 0.0;
              ASSERT_LE(std::fabs(probabilities[r * PaddedSlots(slots) + s] - expected), 2e-6)
                  << "slot " << s;
            }
            for (size_t d = 0; d < head_dim; ++d)
              ASSERT_LE(std::fabs(out[r * head_dim + d] - expected_out[d]), 5e-6);
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, AQuerysAttentionDoesNotDependOnItsTile) {
  constexpr size_t kHeadDim = 64, kSlots = 150;
  const RandomCache cache(random_, KvType::kF32, kSlots, kHeadDim);
  const AlignedVector<float> q = RandomFloats(random_, 6 * kHeadDim);
  AlignedVector<float> p(6 * PaddedSlots(kSlots)), out(6 * kHeadDim), p1(PaddedSlots(kSlots)), out1(kHeadDim);
  AttentionArgs args = MakeArgs(KvType::kF32, kHeadDim, kSlots, cache);
  args.queries = 6;
  args.probabilities = p.data();
  for (size_t r = 0; r < 6; ++r) {
    args.q[r] = &q[r * kHeadDim];
    args.visible[r] = 100 + 10 * r;
    args.out[r] = &out[r * kHeadDim];
  }
  Attention(args);
  for (size_t r = 0; r < 6; ++r) {
    AttentionArgs alone = MakeArgs(KvType::kF32, kHeadDim, args.visible[r], cache);
    alone.queries = 1;
    alone.q[0] = args.q[r];
    alone.visible[0] = args.visible[r];
    alone.probabilities = p1.data();
    alone.out[0] = out1.data();
    Attention(alone);
    EXPECT_EQ(std::memcmp(p1.data(), &p[r * PaddedSlots(kSlots)], args.visible[r] * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(out1.data(), &out[r * kHeadDim], kHeadDim * sizeof(float)), 0);
  }
}

// Scores of 3e4 would overflow exp without the maximum taken off first.
TEST_P(KernelsTest, AttentionStandsLargeScores) {
  constexpr size_t kHeadDim = 8;
  const RandomCache cache(random_, KvType::kF32, 70, kHeadDim);
  AlignedVector<float> q(kHeadDim, 30000.0f), p(PaddedSlots(70)), out(kHeadDim);
  AttentionArgs args = MakeArgs(KvType::kF32, kHeadDim, 70, cache);
  args.queries = 1;
  args.q[0] = q.data();
  args.visible[0] = 70;
  args.probabilities = p.data();
  args.out[0] = out.data();
  Attention(args);
  float sum = 0;
  for (float value : p) sum += value;
  EXPECT_NEAR(sum, 1.0f, 1e-6f);
}

TEST_P(KernelsTest, RmsNormAndSwiGluAgreeWithDoubleLoops) {
  for (size_t n : {1, 15, 16, 100, 577}) {
    const AlignedVector<float> x = RandomFloats(random_, n), w = RandomFloats(random_, n);
    std::vector<float> out(n);
    RmsNorm(x.data(), w.data(), n, 1e-5f, out.data());
    double squares = 0;
    for (float value : x) squares += double{value} * value;
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], x[i] * scale * w[i], 1e-5);
    AlignedVector<float> gate(x);
    SwiGlu(gate.data(), w.data(), n);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(gate[i], x[i] / (1.0 + std::exp(-double{x[i]})) * w[i], 1e-6);
  }
}

// What a model generates must not depend on whether the machine has AVX2 or AVX-512. (Targets without a fused
// multiply-add round otherwise.)
TEST(Targets, WithFusedMultiplyAddGiveTheSameBits) {
  std::vector<AlignedVector<float>> results;
  for (int64_t target : Targets()) {
    if (target != HWY_AVX2 && target != HWY_AVX3 && target != HWY_AVX3_DL) continue;
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(5);
    constexpr size_t kHeadDim = 24, kSlots = 100, kRows = 37, kColumns = 96;
    const RandomMatrix stored(random, DType::kQ4_1, kRows, kColumns);
    const RandomCache cache(random, KvType::kBF16, kSlots, kHeadDim);
    const AlignedVector<float> x = RandomFloats(random, kColumns), q = RandomFloats(random, kHeadDim);
    AlignedVector<float> y(kRows), probabilities(PaddedSlots(kSlots)), out(kHeadDim), normed(kColumns),
        gate(x);
    ThreadPool pool(1);
    MatMul(stored.matrix, x.data(), kColumns, 1, y.data(), kRows, pool);
    AttentionArgs args = MakeArgs(KvType::kBF16, kHeadDim, kSlots, cache);
    args.queries = 1;
    args.q[0] = q.data();
    args.visible[0] = kSlots;
    args.probabilities = probabilities.data();
    args.out[0] = out.data();
    Attention(args);
    RmsNorm(x.data(), x.data(), kColumns, 1e-5f, normed.data());
    SwiGlu(gate.data(), x.data(), kColumns);
    AlignedVector<float> all;
    for (const AlignedVector<float>* part : {&y, &probabilities, &out, &normed, &gate}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    results.push_back(all);
  }
  hwy::SetSupportedTargetsForTest(0);
  if (results.size() < 2) GTEST_SKIP() << "this machine has fewer than two such targets";
  for (const AlignedVector<float>& other : results) {
    EXPECT_EQ(std::memcmp(other.data(), results[0].data(), other.size() * sizeof(float)), 0);
  }
}

TEST(Elementwise, RotationByAQuarterTurnSwapsThePair) {
  float head[4] = {1, 2, 3, 4};
  const float cosine[2] = {0, 1}, sine[2] = {1, 0};
  RotateHead(head, 4, cosine, sine);
  EXPECT_EQ(head[0], -3);
  EXPECT_EQ(head[2], 1);
  EXPECT_EQ(head[1], 2);
  EXPECT_EQ(head[3], 4);
}

TEST(Elementwise, ArgMaxTakesTheFirstOfEqualsAndRefusesWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(ArgMaxFinite(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(ArgMaxFinite(std::vector<float>{-5, -500}), 0);
  EXPECT_EQ(ArgMaxFinite(std::vector<float>{}), -1);
  EXPECT_EQ(ArgMaxFinite(std::vector<float>{1, infinity}), -1);
  EXPECT_EQ(ArgMaxFinite(std::vector<float>{1, std::nanf("")}), -1);
}

TEST(KvPage, SlotsKeepWhatTheirTypeCanHold) {
  constexpr size_t kHeadDim = 8;
  for (KvType type : kKvTypes) {
    AlignedVector<std::byte> page(PageBytes(type, kHeadDim)), other(PageBytes(type, kHeadDim));
    float k[kHeadDim], v[kHeadDim], k2[kHeadDim], v2[kHeadDim];
    for (size_t slot = 0; slot < kPageSlots; ++slot) {
      for (size_t d = 0; d < kHeadDim; ++d) {
        k[d] = static_cast<float>(slot) + 0.5f;
        v[d] = -static_cast<float>(d);
      }
      StoreSlot(type, page.data(), slot, kHeadDim, k, v);
    }
    CopySlot(type, page.data(), 5, other.data(), 63, kHeadDim);
    LoadSlot(type, other.data(), 63, kHeadDim, k2, v2);
    const float half_step = type == KvType::kInt8 ? 7.0f / 127 / 2 : 0;
    for (size_t d = 0; d < kHeadDim; ++d) {
      EXPECT_NEAR(k2[d], 5.5f, 1e-6f);
      EXPECT_LE(std::fabs(v2[d] + static_cast<float>(d)), half_step * 1.001f) << Name(type);
    }
  }
}

// The second key and value of a page, at the places that the header tells.
TEST(KvPage, PackedTypesLieAsTheirProductsTakeThem) {
  constexpr size_t kHeadDim = 8;
  const float k[kHeadDim] = {1, -2, 3, -4, 5, -6, 7, -127}, v[kHeadDim] = {127, 2, 3, 4, 5, 6, 7, -8};
  AlignedVector<std::byte> bf16(PageBytes(KvType::kBF16, kHeadDim)), int8(PageBytes(KvType::kInt8, kHeadDim));
  StoreSlot(KvType::kBF16, bf16.data(), 1, kHeadDim, k, v);
  StoreSlot(KvType::kInt8, int8.data(), 1, kHeadDim, k, v);
  const auto* halves = reinterpret_cast<const uint16_t*>(bf16.data());
  const auto* bytes = reinterpret_cast<const uint8_t*>(int8.data());
  for (size_t d = 0; d < kHeadDim; ++d) {
    EXPECT_EQ(halves[d / 2 * 128 + 2 + d % 2], F32ToBF16(k[d]));
    EXPECT_EQ(halves[64 * kHeadDim + d * 2 + 1], F32ToBF16(v[d]));
    EXPECT_EQ(bytes[d / 4 * 256 + 4 + d % 4], static_cast<uint8_t>(128 + k[d]));
    EXPECT_EQ(static_cast<int8_t>(bytes[64 * kHeadDim + d * 4 + 1]), v[d]);
  }
  const auto* scales = reinterpret_cast<const float*>(&int8[ScalesOffset(KvType::kInt8, kHeadDim)]);
  EXPECT_EQ(scales[1], 1);
  EXPECT_EQ(scales[kPageSlots + 1], 1);
  EXPECT_EQ(PageBytes(KvType::kInt8, kHeadDim), 64 * (2 * kHeadDim + 8));
}

TEST(KvPage, WhatIsNotFiniteStaysSo) {
  constexpr size_t kHeadDim = 8;
  for (KvType type : kKvTypes) {
    for (float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
      AlignedVector<std::byte> page(PageBytes(type, kHeadDim));
      float k[kHeadDim] = {1, 2, bad, 4}, v[kHeadDim] = {0, -bad};
      StoreSlot(type, page.data(), 3, kHeadDim, k, v);
      LoadSlot(type, page.data(), 3, kHeadDim, k, v);
      EXPECT_FALSE(std::isfinite(k[2])) << Name(type);
      EXPECT_FALSE(std::isfinite(v[1])) << Name(type);
    }
  }
}

}  // namespace
}  // namespace kvscope
