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

AlignedVector<float> RandomFloats(std::mt19937& random, size_t n) {
  std::normal_distribution<float> normal;
  AlignedVector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

// A stored matrix of random blocks with scales of about 1/64.
struct Stored {
  Stored(std::mt19937& random, DType dtype, size_t rows, size_t columns)
      : bytes(rows * RowBytes(dtype, columns)), matrix{dtype, rows, columns, bytes.data()} {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const size_t block = BlockBytes(dtype);
    for (size_t at = 0; at < bytes.size(); at += block) {
      const auto put = [&](size_t offset, uint16_t half) { std::memcpy(&bytes[at + offset], &half, 2); };
      const float scale = static_cast<float>(random() % 1000 + 1) / 64000.0f;
      switch (dtype) {
        case DType::kF32:
          std::memcpy(&bytes[at], &scale, 4);
          break;
        case DType::kF16:
          put(0, F32ToF16(scale - 0.008f));
          break;
        case DType::kBF16:
          put(0, F32ToBF16(scale - 0.008f));
          break;
        case DType::kQ4_1:
          put(2, F32ToF16(-8 * scale));
          [[fallthrough]];
        case DType::kQ4_0:
        case DType::kQ8_0:
          put(0, F32ToF16(scale));
          break;
      }
    }
  }
  std::vector<std::byte> bytes;
  WeightMatrix matrix;
};

constexpr DType kAllTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                               DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};

TEST_P(KernelsTest, DequantizesToTheBitsOfThePlainTwin) {
  for (DType dtype : kAllTypes) {
    const Stored stored(random_, dtype, 5, 96);
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
      const Stored stored(random_, dtype, rows, columns);
      const size_t stride = PaddedColumns(columns);
      for (size_t tokens : {1, 7, 8, 9, 10, 29, 31}) {
        AlignedVector<float> x = RandomFloats(random_, tokens * stride);
        for (size_t t = 0; t < tokens; ++t)
          std::fill(&x[t * stride + columns], x.data() + (t + 1) * stride, 0.0f);
        std::vector<float> y(tokens * rows);
        MatMul(stored.matrix, x.data(), stride, tokens, y.data(), rows, pool);
        std::vector<float> w(columns);
        for (size_t r = 0; r < rows; ++r) {
          DequantizeRow(dtype, stored.matrix.row(r), columns, w.data());
          for (size_t t = 0; t < tokens; ++t) {
            double sum = 0, size = 0;
            for (size_t k = 0; k < columns; ++k) {
              sum += double{w[k]} * x[t * stride + k];
              size += std::fabs(double{w[k]} * x[t * stride + k]);
            }
            // columns / 16 + 4 roundings, each of a part of the sum.
            ASSERT_LE(std::fabs(y[t * rows + r] - sum), size * 1e-6)
                << Name(dtype) << " row " << r << " token " << t;
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, ATokensProductsDependNeitherOnTheBatchNorOnThreads) {
  const Stored stored(random_, DType::kQ4_1, 100, 96);
  const AlignedVector<float> x = RandomFloats(random_, 13 * 96);
  std::vector<float> alone(100), together(13 * 100);
  ThreadPool one(1), three(3);
  MatMul(stored.matrix, x.data(), 96, 13, together.data(), 100, three);
  for (size_t t = 0; t < 13; ++t) {
    MatMul(stored.matrix, x.data() + t * 96, 96, 1, alone.data(), 100, one);
    EXPECT_EQ(std::memcmp(alone.data(), &together[t * 100], 100 * sizeof(float)), 0) << "token " << t;
  }
}

// Pages with rows written through StoreSlot, and the attention of one query by plain loops over them.
class Cache {
 public:
  Cache(std::mt19937& random, KvType type, size_t slots, size_t head_dim)
      : type_(type),
        head_dim_(head_dim),
        storage_(PaddedSlots(slots) / kPageSlots * PageBytes(type, head_dim)) {
    for (size_t p = 0; p < PaddedSlots(slots) / kPageSlots; ++p) {
      pages_.push_back(storage_.data() + p * PageBytes(type, head_dim));
    }
    for (size_t s = 0; s < slots; ++s) {
      const AlignedVector<float> k = RandomFloats(random, head_dim), v = RandomFloats(random, head_dim);
      StoreSlot(type, pages_[s / kPageSlots], s % kPageSlots, head_dim, k.data(), v.data());
    }
  }
  std::span<std::byte* const> pages() const { return pages_; }

  void Reference(const float* q, size_t visible, std::vector<double>& probabilities,
                 std::vector<double>& out) const {
    std::vector<float> k(head_dim_), v(head_dim_);
    probabilities.assign(visible, 0);
    out.assign(head_dim_, 0);
    double max = -1e300, sum = 0;
    for (size_t s = 0; s < visible; ++s) {
      LoadSlot(type_, pages_[s / kPageSlots], s % kPageSlots, head_dim_, k.data(), v.data());
      for (size_t d = 0; d < head_dim_; ++d) probabilities[s] += double{q[d]} * k[d];
      probabilities[s] /= std::sqrt(static_cast<double>(head_dim_));
      max = std::max(max, probabilities[s]);
    }
    for (double& p : probabilities) sum += p = std::exp(p - max);
    for (size_t s = 0; s < visible; ++s) {
      probabilities[s] /= sum;
      LoadSlot(type_, pages_[s / kPageSlots], s % kPageSlots, head_dim_, k.data(), v.data());
      for (size_t d = 0; d < head_dim_; ++d) out[d] += probabilities[s] * v[d];
    }
  }

 private:
  KvType type_;
  size_t head_dim_;
  AlignedVector<std::byte> storage_;
  std::vector<std::byte*> pages_;
};

AttentionArgs MakeArgs(KvType type, size_t head_dim, size_t slots, const Cache& cache) {
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
  const Cache common(random_, KvType::kF32, 200, kHeadDim), own(random_, KvType::kF32, 64, kHeadDim);
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
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16}) {
    for (size_t head_dim : {8, 24, 64, 128}) {
      for (size_t slots : {1, 63, 64, 200}) {
        const Cache cache(random_, type, slots, head_dim);
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
            cache.Reference(args.q[r], args.visible[r], expected_p, expected_out);
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
  const Cache cache(random_, KvType::kF32, kSlots, kHeadDim);
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
  const Cache cache(random_, KvType::kF32, 70, kHeadDim);
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
    const Stored stored(random, DType::kQ4_1, kRows, kColumns);
    const Cache cache(random, KvType::kBF16, kSlots, kHeadDim);
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
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16}) {
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
    for (size_t d = 0; d < kHeadDim; ++d) {
      EXPECT_EQ(k2[d], 5.5f);
      EXPECT_EQ(v2[d], -static_cast<float>(d));
    }
  }
}

}  // namespace
}  // namespace kvscope
