// A prompt's attention on the device, and what its positions received, against attention in double precision.
#include "kernels/cuda/prefill_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <optional>
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

// One layer's prompt on the device.
class Prompt {
 public:
  struct Shape {
    KvType type;
    unsigned prompt, heads, kv_heads, head_dim;
  };

  Prompt(std::mt19937& random, const Shape& shape)
      : shape_(shape),
        q_(NormalFloats(random, shape.prompt * shape.heads * shape.head_dim)),
        device_q_(q_),
        max_(shape.heads * shape.prompt),
        sum_(shape.heads * shape.prompt),
        out_(q_.size()) {
    std::vector<const std::byte*> pages;
    for (unsigned head = 0; head < shape.kv_heads; ++head) {
      const DeviceCache& cache = caches_.emplace_back(random, shape.type, shape.prompt, shape.head_dim);
      pages.insert(pages.end(), cache.page_list().begin(), cache.page_list().end());
    }
    pages_.emplace(pages);
  }

  PrefillAttentionParams Params(unsigned unmasked_before = 0) {
    return {
        device_q_.data(), pages_->data(),  shape_.prompt, shape_.heads,
        shape_.kv_heads,  shape_.head_dim, shape_.type,   1 / std::sqrt(static_cast<float>(shape_.head_dim)),
        unmasked_before,  max_.data(),     sum_.data(),   unmasked_before == 0 ? out_.data() : nullptr};
  }

  DeviceCache::Attention Expected(unsigned query, unsigned head, unsigned visible) const {
    const DeviceCache& cache = caches_[head / (shape_.heads / shape_.kv_heads)];
    return cache.Attend(&q_[(query * shape_.heads + head) * shape_.head_dim], visible);
  }

  std::vector<float> Out() const { return out_.ToHost(); }

  std::vector<float> Received(unsigned unmasked_before, unsigned first_query) {
    DeviceArray<float> received(shape_.heads * shape_.prompt);
    EXPECT_CUDA_OK(PrefillAttentionOnDevice(Params(unmasked_before), nullptr));
    EXPECT_CUDA_OK(ReceivedAttentionOnDevice(Params(unmasked_before), first_query, received.data(), nullptr));
    return received.ToHost();
  }

  void ExpectReceived(const std::vector<float>& found, unsigned unmasked_before, unsigned first_query) const {
    for (unsigned head = 0; head < shape_.heads; ++head) {
      std::vector<double> expected(shape_.prompt);
      for (unsigned query = first_query; query < shape_.prompt; ++query) {
        const unsigned visible = query < unmasked_before ? shape_.prompt : query + 1;
        const std::vector<double> probabilities = Expected(query, head, visible).probabilities;
        for (unsigned j = 0; j < visible; ++j) expected[j] += probabilities[j];
      }
      for (unsigned j = 0; j < shape_.prompt; ++j) {
        ASSERT_NEAR(found[head * shape_.prompt + j], expected[j], 2e-6 * (expected[j] + 1e-2))
            << head << ", " << j;
      }
    }
  }

 private:
  Shape shape_;
  std::vector<float> q_;
  std::deque<DeviceCache> caches_;
  DeviceArray<float> device_q_, max_, sum_, out_;
  std::optional<DeviceArray<const std::byte*>> pages_;
};

class PrefillAttentionTest : public DeviceTest {
 protected:
  std::mt19937 random_{23};
};

TEST_F(PrefillAttentionTest, AgreesWithDoubleLoops) {
  // One token; a tile of queries and a page, their neighbours; several of both. A group of one, and others.
  for (const Prompt::Shape& shape :
       {Prompt::Shape{KvType::kF32, 1, 2, 1, 8}, Prompt::Shape{KvType::kF32, 130, 4, 2, 8},
        Prompt::Shape{KvType::kBF16, 33, 2, 2, 64}, Prompt::Shape{KvType::kF16, 64, 3, 1, 32},
        Prompt::Shape{KvType::kF32, 65, 1, 1, 256}, Prompt::Shape{KvType::kBF16, 70, 2, 1, 128}}) {
    SCOPED_TRACE(std::string(Name(shape.type)) + ", prompt " + std::to_string(shape.prompt));
    Prompt prompt(random_, shape);
    ForEachOrder([&] {
      EXPECT_CUDA_OK(PrefillAttentionOnDevice(prompt.Params(), nullptr));
      const std::vector<float> found = prompt.Out();
      for (unsigned query = 0; query < shape.prompt; ++query) {
        for (unsigned head = 0; head < shape.heads; ++head) {
          const std::vector<double> expected = prompt.Expected(query, head, query + 1).out;
          for (unsigned d = 0; d < shape.head_dim; ++d) {
            ASSERT_NEAR(found[(query * shape.heads + head) * shape.head_dim + d], expected[d],
                        2e-6 * (1 + std::abs(expected[d])))
                << "query " << query << ", head " << head;
          }
        }
      }
    });
  }
}

TEST_F(PrefillAttentionTest, ReceivedAttentionIsTheSumOverTheQueriesAskedFor) {
  const Prompt::Shape shape{KvType::kF32, 130, 4, 2, 8};
  Prompt prompt(random_, shape);
  ForEachOrder([&] {
    for (const unsigned first_query : {0u, 122u, 129u, 31u}) {  // all; observation windows
      SCOPED_TRACE(first_query);
      prompt.ExpectReceived(prompt.Received(0, first_query), 0, first_query);
    }
  });
}

// The published H2O: queries before the last window see what comes after them, too.
TEST_F(PrefillAttentionTest, ReceivedAttentionOfQueriesWithoutAMask) {
  for (const unsigned length : {40u, 130u}) {
    Prompt prompt(random_, {KvType::kF32, length, 2, 2, 16});
    ForEachOrder([&] { prompt.ExpectReceived(prompt.Received(length - 8, 0), length - 8, 0); });
  }
}

TEST_F(PrefillAttentionTest, RefusesWrongParameters) {
  Prompt prompt(random_, {KvType::kF32, 9, 4, 2, 8});
  const auto with = [&](auto change) {
    PrefillAttentionParams params = prompt.Params();
    change(params);
    return PrefillAttentionOnDevice(params, nullptr);
  };
  EXPECT_EQ(with([](auto& p) { p.q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.pages = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.max = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.kv_heads = 3; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.kv_heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 9; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.unmasked_before = 10; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.scale = std::numeric_limits<float>::infinity(); }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.prompt = 0; }), cudaSuccess);
  DeviceArray<float> received(4 * 9);
  EXPECT_EQ(ReceivedAttentionOnDevice(prompt.Params(), 9, received.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(ReceivedAttentionOnDevice(prompt.Params(), 0, nullptr, nullptr), cudaErrorInvalidValue);
}

#if defined(KVSCOPE_DEVICE_EMULATED)
// Each tile of 32 queries reads the pages up to its own: keys and values once a tile, nothing of the square
// of the prompt.
TEST_F(PrefillAttentionTest, LoadsAndStoresWhatTheFormulaSays) {
  if (!simt::CountsAccesses()) GTEST_SKIP() << "only the counted build counts loads and stores";
  constexpr unsigned kPrompt = 128, kHeads = 2, kHeadDim = 16;
  Prompt prompt(random_, {KvType::kBF16, kPrompt, kHeads, 1, kHeadDim});
  simt::ResetCounters();
  EXPECT_CUDA_OK(PrefillAttentionOnDevice(prompt.Params(), nullptr));
  ASSERT_EQ(simt::Counters().size(), 1u);
  const simt::KernelCounters& counters = simt::Counters().begin()->second;
  const size_t pages = 1 + 1 + 2 + 2;  // of the four tiles
  const size_t cached = kHeads * pages * PageBytes(KvType::kBF16, kHeadDim);
  const size_t queries = kHeads * kPrompt * kHeadDim * sizeof(float);
  const size_t pointers = kHeads * pages * 128 * sizeof(std::byte*);  // each thread's
  EXPECT_EQ(counters.global_load_bytes, cached + queries + pointers);
  EXPECT_EQ(counters.global_store_bytes, queries + kHeads * kPrompt * 2 * sizeof(float));
}
#endif

}  // namespace
}  // namespace kvscope
