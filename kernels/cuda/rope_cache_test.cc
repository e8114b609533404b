// Rotation and caching on the device against the CPU's rotation and the page layout of
// kernels/cuda/kv_layout.h.
#include "kernels/cuda/rope_cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/elementwise.h"
#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/kv_layout.h"

namespace kvscope {
namespace {

constexpr size_t kTokens = 3;
constexpr size_t kHeads = 4;
constexpr size_t kKvHeads = 2;
constexpr size_t kTable = 9;  // positions of the tables

template <class T>
class RopeCacheTest : public DeviceTest {
 protected:
  void Fill(size_t head_dim) {
    head_dim_ = head_dim;
    std::normal_distribution<float> normal;
    const auto random = [&](size_t n) {
      std::vector<T> values(n);
      for (T& value : values) value = T(normal(random_));
      return values;
    };
    q_ = random(kTokens * kHeads * head_dim);
    k_ = random(kTokens * kKvHeads * head_dim);
    v_ = random(kTokens * kKvHeads * head_dim);
    for (size_t i = 0; i < kTable * head_dim / 2; ++i) {
      cosine_.push_back(std::cos(0.1f * static_cast<float>(i)));
      sine_.push_back(std::sin(0.1f * static_cast<float>(i)));
    }
  }

  // Head `head` of token `t` of x, as the CPU rotates it.
  std::vector<float> Rotated(const std::vector<T>& x, size_t heads, size_t t, size_t head) const {
    std::vector<float> row;
    for (size_t i = 0; i < head_dim_; ++i) row.push_back(float(x[(t * heads + head) * head_dim_ + i]));
    const size_t angles = static_cast<size_t>(positions_[t]) * head_dim_ / 2;
    RotateHead(row.data(), head_dim_, &cosine_[angles], &sine_[angles]);
    return row;
  }

  std::mt19937 random_{17};
  size_t head_dim_ = 0;
  std::vector<T> q_, k_, v_;
  std::vector<float> cosine_, sine_;
  const std::vector<int> positions_ = {8, 0, 3};
};

using Types = testing::Types<float, __nv_bfloat16>;
TYPED_TEST_SUITE(RopeCacheTest, Types);

// A fused multiplication and addition rounds once where the CPU rounds twice.
constexpr float kTolerance = 1e-6f;

TYPED_TEST(RopeCacheTest, RotatesQueriesAndWritesSlots) {
  for (const size_t head_dim : {8, 128}) {
    this->Fill(head_dim);
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16}) {
      SCOPED_TRACE(std::string(Name(type)) + ", head_dim " + std::to_string(head_dim));
      ForEachOrder([&] {
        DeviceArray<TypeParam> q(this->q_), k(this->k_), v(this->v_);
        DeviceArray<float> cosine(this->cosine_), sine(this->sine_), rotated(this->q_.size());
        DeviceArray<int> positions(this->positions_);
        const size_t page_bytes = PageBytes(type, head_dim);
        DeviceArray<std::byte> page(std::vector<std::byte>(page_bytes, std::byte{0x55}));
        // Token 2's second KV head twice, token 0's first once; slots in no order, the page's first and last.
        struct Write {
          size_t slot;
          unsigned token, kv_head;
        };
        const std::vector<Write> wanted = {{63, 2, 1}, {0, 2, 1}, {7, 0, 0}};
        std::vector<CacheWrite> list;
        for (const Write& write : wanted) {
          list.push_back({SlotAddress(page.data(), write.slot, type, head_dim), write.token, write.kv_head});
        }
        DeviceArray<CacheWrite> writes(list);
        EXPECT_CUDA_OK(RopeCacheOnDevice<TypeParam>(
            {q.data(), k.data(), v.data(), positions.data(), cosine.data(), sine.data(), rotated.data(),
             writes.data(), list.size(), kTokens, kHeads, kKvHeads, static_cast<unsigned>(head_dim), type},
            nullptr));

        const std::vector<float> found_q = rotated.ToHost();
        for (size_t t = 0; t < kTokens; ++t) {
          for (size_t h = 0; h < kHeads; ++h) {
            const std::vector<float> expected = this->Rotated(this->q_, kHeads, t, h);
            for (size_t i = 0; i < head_dim; ++i) {
              ASSERT_NEAR(found_q[(t * kHeads + h) * head_dim + i], expected[i], kTolerance);
            }
          }
        }
        const std::vector<std::byte> stored = page.ToHost();
        std::vector<bool> written(kPageSlots);
        const size_t bytes = ElementBytes(type);
        for (const Write& write : wanted) {
          written[write.slot] = true;
          const std::vector<float> key = this->Rotated(this->k_, kKvHeads, write.token, write.kv_head);
          for (size_t i = 0; i < head_dim; ++i) {
            const float value = float(this->v_[(write.token * kKvHeads + write.kv_head) * head_dim + i]);
            const size_t at = write.slot * head_dim + i;
            // What rounds to the next stored number may do so elsewhere.
            ASSERT_NEAR(LoadElement(type, &stored[at * bytes]), AsStored(type, key[i]),
                        kTolerance + std::abs(key[i]) * (type == KvType::kF32   ? 0
                                                         : type == KvType::kF16 ? 0x1p-10f
                                                                                : 0x1p-7f));
            ASSERT_EQ(LoadElement(type, &stored[(ValueOffset(static_cast<unsigned>(head_dim)) + at) * bytes]),
                      AsStored(type, value));
          }
        }
        for (size_t slot = 0; slot < kPageSlots; ++slot) {
          if (written[slot]) continue;
          for (size_t byte = slot * head_dim * bytes; byte < (slot + 1) * head_dim * bytes; ++byte) {
            ASSERT_EQ(stored[byte], std::byte{0x55}) << "key of slot " << slot;
            ASSERT_EQ(stored[page_bytes / 2 + byte], std::byte{0x55}) << "value of slot " << slot;
          }
        }
      });
    }
  }
}

TYPED_TEST(RopeCacheTest, RefusesWrongParameters) {
  this->Fill(8);
  DeviceArray<TypeParam> q(this->q_);
  DeviceArray<float> table(this->cosine_), rotated(this->q_.size());
  DeviceArray<int> positions(this->positions_);
  using Params = RopeCacheParams<TypeParam>;
  const Params good{q.data(),
                    q.data(),
                    q.data(),
                    positions.data(),
                    table.data(),
                    table.data(),
                    rotated.data(),
                    nullptr,
                    0,
                    kTokens,
                    kHeads,
                    kKvHeads,
                    8,
                    KvType::kF32};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return RopeCacheOnDevice(params, nullptr);
  };
  EXPECT_EQ(with([](auto&) {}), cudaSuccess);
  EXPECT_EQ(with([](auto& p) { p.q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.positions = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.rotated_q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.write_count = 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 12; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 4; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 512; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.tokens = 0; }), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
