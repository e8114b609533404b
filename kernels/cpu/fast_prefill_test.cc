// The fast path's prefill attention against plain loops in double precision, for every instruction set of
// this machine.
#include "kernels/cpu/fast_prefill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/reference.h"

namespace kvscope {
namespace {

class FastPrefillTest : public testing::TestWithParam<CpuLevel> {
 protected:
  ScopedCpuLevel level_{GetParam()};
  std::mt19937 random_{20241220};
};

INSTANTIATE_TEST_SUITE_P(Levels, FastPrefillTest, testing::ValuesIn(UsableLevels()),
                         [](const auto& param) { return std::string(Name(param.param)); });

// Queries and weights are rounded to bf16, one part in 2^9 each; the cache is bf16 on both sides.
constexpr double kTolerance = 1.5e-2;

// A prompt's queries, [prompt, heads * head_dim], and one KV head's cache.
struct Prompt {
  Prompt(std::mt19937& random, size_t of_prompt, size_t of_heads, size_t of_head_dim)
      : prompt(of_prompt),
        heads(of_heads),
        head_dim(of_head_dim),
        cache(random, KvType::kBF16, prompt, head_dim),
        q(RandomFloats(random, prompt * heads * head_dim)) {}

  PrefillBlock Block(size_t first, AlignedVector<float>* out) const {
    const size_t row = heads * head_dim;
    return {.first = first,
            .queries = std::min(kBlockQueries, prompt - first),
            .q = &q[first * row],
            .q_stride = row,
            .pages = cache.pages(),
            .prompt = prompt,
            .out = out == nullptr ? nullptr : out->data() + first * row,
            .out_stride = row};
  }

  size_t prompt, heads, head_dim;
  RandomCache cache;
  AlignedVector<float> q;
};

TEST_P(FastPrefillTest, AgreesWithDoubleLoops) {
  for (const size_t head_dim : {8, 16, 48, 64, 96, 128, 256}) {
    for (const size_t prompt : {1, 31, 33, 130}) {
      const size_t heads = head_dim == 64 ? 3 : 1;
      const Prompt p(random_, prompt, heads, head_dim);
      AlignedVector<float> out(p.q.size());
      PrefillAttention attention(heads, head_dim);
      for (size_t first = 0; first < prompt; first += kBlockQueries) attention.Attend(p.Block(first, &out));
      for (size_t i = 0; i < prompt * heads; ++i) {
        std::vector<double> probabilities, expected;
        p.cache.Attend(&p.q[i * head_dim], i / heads + 1, probabilities, expected);
        for (size_t d = 0; d < head_dim; ++d) {
          ASSERT_LE(std::fabs(out[i * head_dim + d] - expected[d]), kTolerance)
              << "head_dim " << head_dim << ", query " << i / heads << " of " << prompt;
        }
      }
    }
  }
}

// What prefill policies ask: of a window of queries, of all, and of queries that see beyond themselves.
TEST_P(FastPrefillTest, ProbabilitiesAreAddedUp) {
  constexpr size_t kPrompt = 100, kHeadDim = 32, kHeads = 2;
  const Prompt p(random_, kPrompt, kHeads, kHeadDim);
  PrefillAttention attention(kHeads, kHeadDim);
  for (const size_t from : {size_t{0}, size_t{70}, kPrompt - 1}) {
    for (const size_t unmasked_before : {0, 90}) {
      for (size_t head = 0; head < kHeads; ++head) {
        AlignedVector<float> sums(PaddedSlots(kPrompt));
        std::vector<double> expected(kPrompt), probabilities, out;
        for (size_t first = 0; first < kPrompt; first += kBlockQueries) {
          PrefillBlock block = p.Block(first, nullptr);
          block.unmasked_before = unmasked_before;
          attention.Attend(block);
          attention.AddProbabilities(block, head, from, sums.data());
        }
        for (size_t i = from; i < kPrompt; ++i) {
          p.cache.Attend(&p.q[(i * kHeads + head) * kHeadDim], i < unmasked_before ? kPrompt : i + 1,
                         probabilities, out);
          for (size_t s = 0; s < probabilities.size(); ++s) expected[s] += probabilities[s];
        }
        for (size_t s = 0; s < kPrompt; ++s)
          ASSERT_LE(std::fabs(sums[s] - expected[s]), kTolerance * (expected[s] + 1e-6)) << "slot " << s;
      }
    }
  }
}

TEST_P(FastPrefillTest, AQueryDoesNotDependOnItsBlock) {
  constexpr size_t kPrompt = 150, kHeadDim = 64;
  const Prompt p(random_, kPrompt, 1, kHeadDim);
  AlignedVector<float> together(p.q.size()), alone(p.q.size());
  PrefillAttention attention(1, kHeadDim);
  for (size_t first = 0; first < kPrompt; first += kBlockQueries) attention.Attend(p.Block(first, &together));
  for (size_t first = 0; first < kPrompt; ++first) {
    PrefillBlock block = p.Block(first, &alone);
    block.queries = 1;
    attention.Attend(block);
  }
  EXPECT_EQ(together, alone);
}

// Scores that climb from page to page make every reference be taken anew.
TEST_P(FastPrefillTest, StandsLargeAndClimbingScores) {
  constexpr size_t kPrompt = 300, kHeadDim = 16;
  Prompt p(random_, kPrompt, 1, kHeadDim);
  const std::vector<float> value(kHeadDim, 2.0f);
  for (size_t s = 0; s < kPrompt; ++s) {
    const std::vector<float> key(kHeadDim, static_cast<float>(s));
    StoreSlot(KvType::kBF16, p.cache.pages()[s / kPageSlots], s % kPageSlots, kHeadDim, key.data(),
              value.data());
  }
  std::ranges::fill(p.q, 100.0f);
  AlignedVector<float> out(p.q.size());
  PrefillAttention attention(1, kHeadDim);
  for (size_t first = 0; first < kPrompt; first += kBlockQueries) attention.Attend(p.Block(first, &out));
  for (const float element : out) ASSERT_NEAR(element, 2.0f, 1e-5f);
}

TEST_P(FastPrefillTest, WhatIsNotANumberShows) {
  constexpr size_t kPrompt = 70, kHeadDim = 32;
  for (const bool in_key : {true, false}) {
    const Prompt p(random_, kPrompt, 1, kHeadDim);
    std::vector<float> key(kHeadDim, 0.5f), value(kHeadDim, 0.5f);
    (in_key ? key : value)[3] = std::numeric_limits<float>::quiet_NaN();
    StoreSlot(KvType::kBF16, p.cache.pages()[0], 17, kHeadDim, key.data(), value.data());
    AlignedVector<float> out(p.q.size());
    PrefillAttention attention(1, kHeadDim);
    attention.Attend(p.Block(64, &out));
    EXPECT_TRUE(std::isnan(out[69 * kHeadDim + 3]));
  }
}

}  // namespace
}  // namespace kvscope
