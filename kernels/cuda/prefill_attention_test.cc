// A prompt's attention on the device, and what its positions received, against attention in double precision.
#include "kernels/cuda/prefill_attention.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/prompt_testing.h"
#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/counters.h"
#endif

namespace kvscope {
namespace {

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
      prompt.ExpectOut(2e-6);
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
