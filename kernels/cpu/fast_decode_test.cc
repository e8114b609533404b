// The fast path's decode attention against plain loops in double precision, for every instruction set of this
// machine.
#include "kernels/cpu/fast_decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/reference.h"

namespace kvscope {
namespace {

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8};

class FastDecodeTest : public testing::TestWithParam<CpuLevel> {
 protected:
  ScopedCpuLevel level_{GetParam()};
  std::mt19937 random_{20241220};
};

INSTANTIATE_TEST_SUITE_P(Levels, FastDecodeTest, testing::ValuesIn(UsableLevels()),
                         [](const auto& param) { return std::string(Name(param.param)); });

// A tile over a random cache with all that it writes to.
struct Attended {
  Attended(KvType type, size_t head_dim, size_t slots, const RandomCache& cache,
           const AlignedVector<float>& q)
      : parts(Chunks(slots) * q.size()),
        sums(Chunks(slots)),
        weights(q.size() / head_dim * PaddedSlots(slots)),
        references(q.size() / head_dim * PaddedSlots(slots) / kPageSlots),
        out(q.size()) {
    tile.queries = q.size() / head_dim;
    tile.head_dim = head_dim;
    tile.scale = 1 / std::sqrt(static_cast<float>(head_dim));
    tile.kv_type = type;
    tile.pages = cache.pages();
    tile.slots = slots;
    tile.rows = {.weights = weights.data(), .references = references.data()};
    tile.parts = parts.data();
    tile.sums = sums.data();
    for (size_t r = 0; r < tile.queries; ++r) {
      tile.q[r] = &q[r * head_dim];
      rows.push_back(&out[r * head_dim]);
    }
  }

  void Run() {
    for (size_t chunk = Chunks(tile.slots); chunk-- > 0;) AttendChunk(tile, chunk);
    MergeChunks(tile, rows.data(), total);
  }

  QueryWeights Weights(size_t r) const {
    const size_t padded = PaddedSlots(tile.slots);
    return {&weights[r * padded], &references[r * padded / kPageSlots], total.max[r], total.sum[r]};
  }

  AlignedVector<float> parts;
  std::vector<SoftmaxSums> sums;
  AlignedVector<float> weights, references, out;
  std::vector<float*> rows;
  DecodeTile tile;
  SoftmaxSums total;
};

// Queries and weights are rounded to bf16 where products take nothing else: one part in 2^9 each, of sums of
// head_dim terms of both signs. 16 bits and float are far finer than the cache's own rounding, which both
// sides see.
float Tolerance(KvType type) {
  const bool rounds = type == KvType::kBF16 && CurrentLevel() >= CpuLevel::kAvx512Bf16;
  return rounds ? 1.5e-2f : 3e-4f;
}

TEST_P(FastDecodeTest, AgreesWithDoubleLoops) {
  for (const KvType type : kKvTypes) {
    for (const size_t head_dim : {8, 24, 64, 80, 128, 256}) {
      for (const size_t slots : {1, 63, 64, 65, 520, 1100}) {
        const RandomCache cache(random_, type, slots, head_dim);
        for (const size_t queries : {1, 2, 3, 4, 5, 6}) {
          const AlignedVector<float> q = RandomFloats(random_, queries * head_dim);
          Attended attended(type, head_dim, slots, cache, q);
          attended.Run();
          AlignedVector<float> scores(PaddedSlots(slots));
          for (size_t r = 0; r < queries; ++r) {
            std::vector<double> probabilities, out;
            cache.Attend(&q[r * head_dim], slots, probabilities, out);
            const QueryWeights weights = attended.Weights(r);
            CombineProbabilities({&weights, 1}, /*maximum=*/false, 1, 0, slots, scores.data());
            for (size_t s = 0; s < slots; ++s) {
              ASSERT_LE(std::fabs(scores[s] - probabilities[s]), Tolerance(type) * (probabilities[s] + 1e-6))
                  << Name(type) << ", head_dim " << head_dim << ", slot " << s << " of " << slots;
            }
            for (size_t d = 0; d < head_dim; ++d) {
              ASSERT_LE(std::fabs(attended.out[r * head_dim + d] - out[d]), Tolerance(type))
                  << Name(type) << ", head_dim " << head_dim << ", " << slots << " slots";
            }
          }
        }
      }
    }
  }
}

TEST_P(FastDecodeTest, AQueryDoesNotDependOnItsTileNorOnWhetherWeightsAreKept) {
  constexpr size_t kHeadDim = 64, kSlots = 700, kQueries = 6;
  for (const KvType type : kKvTypes) {
    const RandomCache cache(random_, type, kSlots, kHeadDim);
    const AlignedVector<float> q = RandomFloats(random_, kQueries * kHeadDim);
    Attended together(type, kHeadDim, kSlots, cache, q);
    together.Run();
    for (size_t r = 0; r < kQueries; ++r) {
      const AlignedVector<float> one(q.begin() + static_cast<std::ptrdiff_t>(r * kHeadDim),
                                     q.begin() + static_cast<std::ptrdiff_t>((r + 1) * kHeadDim));
      Attended alone(type, kHeadDim, kSlots, cache, one);
      alone.tile.rows = {};
      alone.Run();
      EXPECT_EQ(std::memcmp(alone.out.data(), &together.out[r * kHeadDim], kHeadDim * sizeof(float)), 0)
          << Name(type) << ", query " << r;
    }
  }
}

// Scores of 3e4 would overflow without the maximum taken off; one far above the others takes all.
TEST_P(FastDecodeTest, StandsLargeScores) {
  constexpr size_t kHeadDim = 16, kSlots = 600;
  for (const KvType type : kKvTypes) {
    const RandomCache cache(random_, type, kSlots, kHeadDim);
    const AlignedVector<float> q(kHeadDim, 30000.0f);
    Attended attended(type, kHeadDim, kSlots, cache, q);
    attended.Run();
    const QueryWeights weights = attended.Weights(0);
    AlignedVector<float> scores(PaddedSlots(kSlots));
    CombineProbabilities({&weights, 1}, false, 1, 0, kSlots, scores.data());
    float sum = 0;
    for (const float score : scores) sum += score;
    EXPECT_NEAR(sum, 1.0f, 1e-5f);
  }
}

// A failed computation must not look like a good one: not in keys, in values, nor in queries.
TEST_P(FastDecodeTest, WhatIsNotANumberShows) {
  constexpr size_t kHeadDim = 16, kSlots = 600;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const KvType type : kKvTypes) {
    for (const char* where : {"key", "value", "query"}) {
      const RandomCache cache(random_, type, kSlots, kHeadDim);
      AlignedVector<float> q(kHeadDim, 0.1f);
      std::vector<float> key(kHeadDim, 0.5f), value(kHeadDim, 0.5f);
      (*where == 'k' ? key[3] : *where == 'v' ? value[3] : q[3]) = nan;
      StoreSlot(type, cache.pages()[8], 17, kHeadDim, key.data(), value.data());
      Attended attended(type, kHeadDim, kSlots, cache, q);
      attended.Run();
      EXPECT_TRUE(std::isnan(attended.out[3])) << Name(type) << ", " << where;
    }
  }
}

// A direction of length 1 is rounded as queries are.
TEST_P(FastDecodeTest, MultipliesEveryKeyByADirection) {
  constexpr size_t kSlots = 700;
  for (const KvType type : kKvTypes) {
    for (const size_t head_dim : {24, 64, 256}) {
      const RandomCache cache(random_, type, kSlots, head_dim);
      const AlignedVector<float> direction(head_dim, 1 / std::sqrt(static_cast<float>(head_dim)));
      const std::vector<const std::byte*> pages(cache.pages().begin(), cache.pages().end());
      AlignedVector<float> products(PaddedSlots(kSlots));
      for (size_t chunk = 0; chunk < Chunks(kSlots); ++chunk)
        MultiplyKeys(type, head_dim, pages, chunk, direction.data(), products.data());
      std::vector<float> key(head_dim), value(head_dim);
      for (size_t s = 0; s < kSlots; ++s) {
        LoadSlot(type, pages[s / kPageSlots], s % kPageSlots, head_dim, key.data(), value.data());
        const double expected = std::inner_product(key.begin(), key.end(), direction.begin(), 0.0);
        ASSERT_NEAR(products[s], expected, Tolerance(type)) << Name(type) << ", head_dim " << head_dim;
      }
    }
  }
}

TEST_P(FastDecodeTest, ProbabilitiesOfAGroupAreCombined) {
  constexpr size_t kHeadDim = 16, kSlots = 300, kFirst = 100;
  const RandomCache cache(random_, KvType::kF32, kSlots, kHeadDim);
  const AlignedVector<float> q = RandomFloats(random_, 3 * kHeadDim);
  Attended attended(KvType::kF32, kHeadDim, kSlots, cache, q);
  attended.Run();
  std::vector<std::vector<double>> plain(3);
  std::vector<double> out;
  std::vector<QueryWeights> group;
  for (size_t r = 0; r < 3; ++r) {
    cache.Attend(&q[r * kHeadDim], kSlots, plain[r], out);
    group.push_back(attended.Weights(r));
  }
  AlignedVector<float> mean(PaddedSlots(kSlots)), max(PaddedSlots(kSlots));
  CombineProbabilities(group, false, 1.0f / 3, kFirst, kSlots, mean.data());
  CombineProbabilities(group, true, 1, kFirst, kSlots, max.data());
  for (size_t s = kFirst; s < kSlots; ++s) {
    EXPECT_NEAR(mean[s], (plain[0][s] + plain[1][s] + plain[2][s]) / 3, 1e-6);
    EXPECT_NEAR(max[s], std::max({plain[0][s], plain[1][s], plain[2][s]}), 1e-6);
  }
}

}  // namespace
}  // namespace kvscope
