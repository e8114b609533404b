// Scores from keys, against the same sums in the same order; runtime/cuda holds them against the twins.
#include "kernels/cuda/key_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

constexpr float kWeight = 0.1f;

class KeyScoresTest : public DeviceTest {
 protected:
  std::mt19937 random_{41};
};

// `keys`: [slots, head_dim].
std::vector<float> Likeness(std::vector<float> keys, size_t head_dim) {
  const auto inverse_length = [head_dim](const auto* row) {
    double squares = 0;
    for (size_t d = 0; d < head_dim; ++d) squares += double{row[d]} * row[d];
    return squares > 0 ? 1 / std::sqrt(squares) : 0;
  };
  std::vector<double> sum(head_dim);
  for (size_t at = 0; at < keys.size(); at += head_dim) {
    const double scale = inverse_length(&keys[at]);
    for (size_t d = 0; d < head_dim; ++d) sum[d] += keys[at + d] = static_cast<float>(keys[at + d] * scale);
  }
  const double scale = inverse_length(sum.data());
  std::vector<float> likeness;
  for (size_t at = 0; at < keys.size(); at += head_dim) {
    double dot = 0;
    for (size_t d = 0; d < head_dim; ++d) dot += keys[at + d] * sum[d];
    likeness.push_back(static_cast<float>(dot * scale));
  }
  return likeness;
}

TEST_F(KeyScoresTest, AgreesToTheBitWithTheSameSums) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16}) {
    constexpr size_t kSlots = 300;
    DeviceCache cache(random_, type, kSlots, 16);
    const std::vector<float> likeness = Likeness(cache.keys(), 16);
    std::vector<float> attention(kSlots);
    for (float& score : attention) score = std::generate_canonical<float, 24>(random_);
    const float most = std::ranges::max(attention);
    std::vector<float> distinctness, novelty, without_attention;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      distinctness.push_back(-likeness[slot]);
      without_attention.push_back(kWeight * 0.0f - (1.0f - kWeight) * likeness[slot]);
      novelty.push_back(kWeight * (attention[slot] / most) - (1.0f - kWeight) * likeness[slot]);
    }
    ForEachOrder([&] {
      DeviceArray<float> a(kSlots), b(attention), c(std::vector<float>(kSlots, 0.0f));
      DeviceArray<double> scratch(3 * kSlots);
      std::vector<KeyScoreItem> items(1);
      for (auto* scores : {&a, &b, &c}) {
        items.push_back({cache.pages(), kSlots, scores == &a ? KeyScore::kDistinctness : KeyScore::kNovelty,
                         kWeight, scores->data(), scratch.data() + (items.size() - 1) * kSlots});
      }
      DeviceArray<KeyScoreItem> device_items(items);
      EXPECT_CUDA_OK(KeyScoresOnDevice(device_items.data(), items.size(), 16, type, nullptr));
      EXPECT_EQ(a.ToHost(), distinctness);
      EXPECT_EQ(b.ToHost(), novelty);
      EXPECT_EQ(c.ToHost(), without_attention);
    });
  }
}

TEST_F(KeyScoresTest, RefusesWrongParameters) {
  DeviceArray<KeyScoreItem> items(1);
  EXPECT_EQ(KeyScoresOnDevice(nullptr, 1, 16, KvType::kF32, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(KeyScoresOnDevice(items.data(), 1, 24, KvType::kF32, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(KeyScoresOnDevice(items.data(), 1, 16, KvType::kInt8, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(KeyScoresOnDevice(nullptr, 0, 16, KvType::kF32, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
