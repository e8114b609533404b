// A prompt's attention on tensor cores against attention in double precision.
#include "kernels/cuda/tensor_prefill.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/prompt_testing.h"

namespace kvscope {
namespace {

class TensorPrefillTest : public DeviceTest {
 protected:
  std::mt19937 random_{47};
};

// Exponentials are rounded to 8 bits: a mean of values errs by 2^-9 of their magnitude at most, which is
// about 1 here. Keys and values of wider types lose as much, and scores, of a size of some 4, twice: a change
// of a score by x changes an exponential by a factor of 1 + x.
double Tolerance(KvType type) { return type == KvType::kBF16 ? 0x1p-8 : 0x1p-5; }

TEST_F(TensorPrefillTest, AgreesWithDoubleLoops) {
  // One token; a tile of queries and a page, their neighbours; several of both; every head_dim.
  for (const Prompt::Shape& shape :
       {Prompt::Shape{KvType::kBF16, 1, 2, 1, 8, true}, Prompt::Shape{KvType::kBF16, 130, 4, 2, 8, true},
        Prompt::Shape{KvType::kBF16, 64, 2, 2, 64, true}, Prompt::Shape{KvType::kF16, 65, 3, 1, 32, true},
        Prompt::Shape{KvType::kF32, 63, 1, 1, 256, true},
        Prompt::Shape{KvType::kBF16, 200, 2, 1, 128, true}}) {
    SCOPED_TRACE(std::string(Name(shape.type)) + ", prompt " + std::to_string(shape.prompt));
    Prompt prompt(random_, shape);
    ForEachOrder([&] {
      EXPECT_CUDA_OK(TensorPrefillOnDevice(prompt.Params(), nullptr));
      prompt.ExpectOut(Tolerance(shape.type));
    });
  }
}

// Maxima and sums are those that the second pass needs.
TEST_F(TensorPrefillTest, ReceivedAttentionAddsUpToOneForEachQuery) {
  const Prompt::Shape shape{KvType::kBF16, 130, 4, 2, 16, true};
  Prompt prompt(random_, shape);
  DeviceArray<float> received(shape.heads * shape.prompt);
  EXPECT_CUDA_OK(TensorPrefillOnDevice(prompt.Params(), nullptr));
  EXPECT_CUDA_OK(ReceivedAttentionOnDevice(prompt.Params(), 0, received.data(), nullptr));
  const std::vector<float> found = received.ToHost();
  for (unsigned head = 0; head < shape.heads; ++head) {
    double sum = 0;
    for (unsigned j = 0; j < shape.prompt; ++j) sum += found[head * shape.prompt + j];
    EXPECT_NEAR(sum, shape.prompt, 1e-4 * shape.prompt);
  }
}

TEST_F(TensorPrefillTest, RefusesWrongParameters) {
  Prompt prompt(random_, {KvType::kBF16, 9, 4, 2, 8});
  const auto with = [&](auto change) {
    PrefillAttentionParams params = prompt.Params();
    change(params);
    return TensorPrefillOnDevice(params, nullptr);
  };
  EXPECT_EQ(with([](auto& p) { p.q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.out = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.unmasked_before = 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.kv_heads = 3; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.head_dim = 12; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.kv_type = KvType::kInt8; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.prompt = 0; }), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
