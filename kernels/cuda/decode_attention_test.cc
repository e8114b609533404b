// Decode attention on the device against attention in double precision.
#include "kernels/cuda/decode_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"
#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/counters.h"
#endif

namespace kvscope {
namespace {

struct Result {
  std::vector<float> out;                         // [rows, head_dim]
  std::vector<std::vector<float>> probabilities;  // [rows][slots]; empty where not kept
};

// Rows of queries over caches, as lists for the device.
class Batch {
 public:
  Batch(KvType type, size_t head_dim) : type_(type), head_dim_(head_dim) {}

  // Queries, [n, head_dim], that attend to all of `cache`, in tiles of at most `most`.
  void Add(DeviceCache& cache, const std::vector<float>& q, bool keep = true, unsigned most = kTileQueries) {
    const unsigned first = static_cast<unsigned>(rows_.size());
    const unsigned count = static_cast<unsigned>(q.size() / head_dim_);
    const unsigned slots = static_cast<unsigned>(cache.slots());
    for (unsigned i = 0; i < count; ++i) {
      rows_.push_back({slots, partials_, keep ? probabilities_ : AttentionRow::kNotKept});
      partials_ += rows_.back().Splits();
      if (keep) probabilities_ += slots;
    }
    for (unsigned split = 0; split * kSplitSlots < slots; ++split) {
      for (unsigned i = 0; i < count; i += most) {
        AttentionTile tile{cache.pages() + split * kSplitPages,
                           std::min(kSplitSlots, slots - split * kSplitSlots),
                           split,
                           std::min(most, count - i),
                           {}};
        for (unsigned j = 0; j < tile.queries; ++j) tile.rows[j] = first + i + j;
        tiles_.push_back(tile);
        tile_queries_ = std::max(tile_queries_, tile.queries);
      }
    }
    q_.insert(q_.end(), q.begin(), q.end());
  }

  template <class T = float>
  Result Run() {
    DeviceArray<float> q(q_), maxima(partials_), sums(partials_), partial_out(partials_ * head_dim_);
    DeviceArray<float> factors(partials_), probabilities(std::max<size_t>(1, probabilities_));
    DeviceArray<AttentionRow> rows(rows_);
    DeviceArray<AttentionTile> tiles(tiles_);
    DeviceArray<T> out(q_.size());
    EXPECT_CUDA_OK(DecodeAttentionOnDevice<T>(
        {q.data(), rows.data(), tiles.data(), static_cast<unsigned>(rows_.size()),
         static_cast<unsigned>(tiles_.size()), tile_queries_, static_cast<unsigned>(head_dim_), type_,
         1 / std::sqrt(static_cast<float>(head_dim_)), maxima.data(), sums.data(), partial_out.data(),
         factors.data(), probabilities.data(), out.data()},
        nullptr));
    Result result;
    for (const T& value : out.ToHost()) result.out.push_back(float(value));
    const std::vector<float> factor = factors.ToHost(), exponentials = probabilities.ToHost();
    for (const AttentionRow& row : rows_) {
      std::vector<float>& p = result.probabilities.emplace_back();
      if (row.first_probability == AttentionRow::kNotKept) continue;
      for (unsigned j = 0; j < row.slots; ++j) {
        p.push_back(exponentials[row.first_probability + j] * factor[row.first_partial + j / kSplitSlots]);
      }
    }
    return result;
  }

 private:
  KvType type_;
  size_t head_dim_;
  std::vector<float> q_;
  std::vector<AttentionRow> rows_;
  std::vector<AttentionTile> tiles_;
  unsigned partials_ = 0;
  uint64_t probabilities_ = 0;
  unsigned tile_queries_ = 0;
};

class DecodeAttentionTest : public DeviceTest {
 protected:
  std::mt19937 random_{19};
};

// Scores of normal values are about 1, their rounding errors some 1e-7; what the sums add is less.
constexpr double kTolerance = 2e-6;

void ExpectAttention(const Result& found, size_t first_row, const DeviceCache& cache,
                     const std::vector<float>& q, size_t head_dim, double tolerance = kTolerance) {
  for (size_t i = 0; i < q.size() / head_dim; ++i) {
    const DeviceCache::Attention expected = cache.Attend(&q[i * head_dim], cache.slots());
    for (size_t d = 0; d < head_dim; ++d) {
      const float value = found.out[(first_row + i) * head_dim + d];
      ASSERT_NEAR(value, expected.out[d], tolerance * (1 + std::abs(expected.out[d])))
          << "row " << i << ", " << d;
    }
    const std::vector<float>& probabilities = found.probabilities[first_row + i];
    if (probabilities.empty()) continue;
    for (size_t j = 0; j < probabilities.size(); ++j) {
      ASSERT_NEAR(probabilities[j], expected.probabilities[j],
                  kTolerance * (expected.probabilities[j] + 1e-3))
          << "row " << i << ", slot " << j;
    }
  }
}

TEST_F(DecodeAttentionTest, AgreesWithDoubleLoops) {
  struct Case {
    KvType type;
    size_t head_dim, queries, slots;
  };
  // One slot; a page and its neighbours; a split and its neighbours; several splits. Groups of one, of
  // several that fill no tile, of more than a tile.
  for (const auto& [type, head_dim, queries, slots] :
       {Case{KvType::kF32, 8, 4, 1}, Case{KvType::kF32, 8, 1, 65}, Case{KvType::kBF16, 64, 3, 64},
        Case{KvType::kF16, 64, 8, 63}, Case{KvType::kBF16, 128, 5, 256}, Case{KvType::kF32, 128, 1, 257},
        Case{KvType::kF16, 16, 11, 600}, Case{KvType::kF32, 256, 2, 130}}) {
    SCOPED_TRACE(std::string(Name(type)) + ", head_dim " + std::to_string(head_dim) + ", slots " +
                 std::to_string(slots));
    DeviceCache cache(random_, type, slots, head_dim);
    const std::vector<float> q = NormalFloats(random_, queries * head_dim);
    ForEachOrder([&, d = head_dim, t = type] {
      Batch batch(t, d);
      batch.Add(cache, q);
      ExpectAttention(batch.Run(), 0, cache, q, d);
    });
  }
}

TEST_F(DecodeAttentionTest, PeakedScoresNeitherOverflowNorVanish) {
  DeviceCache cache(random_, KvType::kF32, 400, 64);
  const std::vector<float> q = NormalFloats(random_, 2 * 64, 100.0f);  // scores of some hundreds
  Batch batch(KvType::kF32, 64);
  batch.Add(cache, q);
  const Result found = batch.Run();
  for (size_t i = 0; i < 2; ++i) {
    double sum = 0;
    for (const float p : found.probabilities[i]) sum += p;
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  ExpectAttention(found, 0, cache, q, 64, 1e-3);  // scores' errors are larger by as much as the scores
}

TEST_F(DecodeAttentionTest, RoundsOnceToBFloat16) {
  DeviceCache cache(random_, KvType::kBF16, 300, 64);
  const std::vector<float> q = NormalFloats(random_, 4 * 64);
  Batch batch(KvType::kBF16, 64);
  batch.Add(cache, q);
  ExpectAttention(batch.Run<__nv_bfloat16>(), 0, cache, q, 64, 0x1p-8);
}

// A row's bits are the same alone and among others, in small tiles and in large ones, with and without its
// probabilities.
TEST_F(DecodeAttentionTest, RowsDoNotDependOnTheirBatch) {
  DeviceCache large(random_, KvType::kBF16, 520, 32), small(random_, KvType::kBF16, 70, 32);
  const std::vector<float> q = NormalFloats(random_, 4 * 32), other_q = NormalFloats(random_, 8 * 32);
  Batch alone(KvType::kBF16, 32);
  alone.Add(large, q);
  const Result expected = alone.Run();
  ForEachOrder([&] {
    Batch batch(KvType::kBF16, 32);
    batch.Add(small, other_q);
    batch.Add(large, q, true, 1);
    batch.Add(large, q, false, 3);
    const Result found = batch.Run();
    for (const size_t first : {8, 12}) {
      for (size_t i = 0; i < q.size(); ++i)
        ASSERT_EQ(found.out[first * 32 + i], expected.out[i]) << first << ", " << i;
    }
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(found.probabilities[8 + i], expected.probabilities[i]);
  });
}

// Two rows of a batch, groups of three, over one prompt's pages: tiles of both have the bits of tiles of
// each.
TEST_F(DecodeAttentionTest, RowsThatSharePagesMayShareTiles) {
  DeviceCache shared(random_, KvType::kF32, 300, 16);
  const std::vector<float> q = NormalFloats(random_, 6 * 16);
  Batch apart(KvType::kF32, 16), together(KvType::kF32, 16);
  apart.Add(shared, q, true, 3);
  together.Add(shared, q);
  const Result expected = apart.Run();
  ForEachOrder([&] {
    const Result found = together.Run();
    EXPECT_EQ(found.out, expected.out);
    EXPECT_EQ(found.probabilities, expected.probabilities);
  });
}

TEST_F(DecodeAttentionTest, RefusesWrongParameters) {
  DeviceArray<float> f(64);
  DeviceArray<AttentionRow> rows(1);
  DeviceArray<AttentionTile> tiles(1);
  using Params = DecodeAttentionParams<float>;
  const Params good{f.data(), rows.data(), tiles.data(), 1,        1,        1,       8,       KvType::kF32,
                    1.0f,     f.data(),    f.data(),     f.data(), f.data(), nullptr, f.data()};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return DecodeAttentionOnDevice(params, nullptr);
  };
  EXPECT_EQ(with([](auto& p) { p.q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.tiles = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.out = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.tile_count = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.tile_queries = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.tile_queries = kTileQueries + 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 24; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.scale = std::numeric_limits<float>::quiet_NaN(); }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.row_count = 0; }), cudaSuccess);
}

#if defined(KVSCOPE_DEVICE_EMULATED)
class CountedDecodeAttentionTest : public DecodeAttentionTest {
 protected:
  void SetUp() override {
    DecodeAttentionTest::SetUp();
    if (!simt::CountsAccesses()) GTEST_SKIP() << "only the counted build counts loads and stores";
  }

  static constexpr size_t kSlots = 512, kHeadDim = 128, kQueries = 8, kSplits = 2;
  // What tiles of at most `most` queries load and store.
  simt::KernelCounters Count(unsigned most) {
    DeviceCache cache(random_, KvType::kBF16, kSlots, kHeadDim);
    Batch batch(KvType::kBF16, kHeadDim);
    batch.Add(cache, NormalFloats(random_, kQueries * kHeadDim), true, most);
    simt::ResetCounters();
    batch.Run();
    for (const auto& [name, counters] : simt::Counters()) {
      if (name.starts_with("DecodeAttentionKernel")) return counters;
    }
    ADD_FAILURE() << "the kernel did not run";
    return {};
  }
  static constexpr size_t kCachedBytes = kSlots * SlotBytes(KvType::kBF16, kHeadDim);
  static constexpr size_t kQueryBytes = kSplits * kQueries * kHeadDim * sizeof(float);
};

// Each key and value once, besides what belongs to the rows: the bytes of a roofline.
TEST_F(CountedDecodeAttentionTest, LoadsKeysAndValuesOnce) {
  const simt::KernelCounters counters = Count(kTileQueries);
  const size_t lists =
      kSplits * (sizeof(AttentionTile) + kSplitPages * sizeof(std::byte*) + kQueries * sizeof(AttentionRow));
  EXPECT_LE(counters.global_load_bytes, kCachedBytes + kQueryBytes + lists);
  EXPECT_GT(counters.global_load_bytes, kCachedBytes + kQueryBytes);
  const size_t partials = kSplits * kQueries * (kHeadDim + 2) * sizeof(float);
  EXPECT_EQ(counters.global_store_bytes, partials + kQueries * kSlots * sizeof(float));
}

TEST_F(CountedDecodeAttentionTest, LoadsThemOnceForAllRowsOfATile) {
  const uint64_t apart = Count(kQueries / 2).global_load_bytes, together = Count(kQueries).global_load_bytes;
  EXPECT_GT(apart, 2 * kCachedBytes + kQueryBytes);
  EXPECT_LT(together, apart - kCachedBytes);
}
#endif

}  // namespace
}  // namespace kvscope
