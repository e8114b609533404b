// One layer's prompt on a device, and its attention in double precision, for tests.
#pragma once

#include <cmath>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/prefill_attention.h"

namespace kvscope {

class Prompt {
 public:
  struct Shape {
    KvType type;
    unsigned prompt, heads, kv_heads, head_dim;
    bool bf16_queries = false;  // queries that rounding to bfloat16 leaves as they are
  };

  Prompt(std::mt19937& random, const Shape& shape)
      : shape_(shape),
        q_(Queries(random, shape)),
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

  // Every query's result is within tolerance * (1 + |expected|).
  void ExpectOut(double tolerance) const {
    const std::vector<float> found = out_.ToHost();
    for (unsigned query = 0; query < shape_.prompt; ++query) {
      for (unsigned head = 0; head < shape_.heads; ++head) {
        const std::vector<double> expected = Expected(query, head, query + 1).out;
        for (unsigned d = 0; d < shape_.head_dim; ++d) {
          ASSERT_NEAR(found[(query * shape_.heads + head) * shape_.head_dim + d], expected[d],
                      tolerance * (1 + std::abs(expected[d])))
              << "query " << query << ", head " << head;
        }
      }
    }
  }

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
  static std::vector<float> Queries(std::mt19937& random, const Shape& shape) {
    std::vector<float> q = NormalFloats(random, shape.prompt * shape.heads * shape.head_dim);
    if (shape.bf16_queries) {
      for (float& value : q) value = AsStored(KvType::kBF16, value);
    }
    return q;
  }

  Shape shape_;
  std::vector<float> q_;
  std::deque<DeviceCache> caches_;
  DeviceArray<float> device_q_, max_, sum_, out_;
  std::optional<DeviceArray<const std::byte*>> pages_;
};

}  // namespace kvscope
