// The kernels that a pass is said to launch against those that the runtime launches on the emulator.
#include "bench/roofline/pass_work.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/device_testing.h"
#include "kernels/simt/counters.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"

namespace kvscope::roofline {
namespace {

constexpr size_t kPrompt = 130;
constexpr size_t kBatch = 2;
constexpr TestModelShape kTestShape{
    .layers = 2, .hidden = 64, .heads = 4, .kv_heads = 2, .head_dim = 32, .ffn = 96, .vocab = 256};

ModelShape Shape() {
  return {.name = "test",
          .layers = kTestShape.layers,
          .hidden = kTestShape.hidden,
          .heads = kTestShape.heads,
          .kv_heads = kTestShape.kv_heads,
          .head_dim = kTestShape.head_dim,
          .ffn = kTestShape.ffn,
          .vocab = kTestShape.vocab,
          .tied_embeddings = false,
          .weights = DType::kF32};
}

struct Total {
  uint64_t launches = 0;
  uint64_t memory_bytes = 0;
};

std::map<std::string, Total> Expected(const std::vector<Launches>& launches) {
  std::map<std::string, Total> totals;
  for (const auto& [work, count] : launches) {
    Total& total = totals[std::string(work.kernel)];
    total.launches += count;
    total.memory_bytes += count * work.memory_bytes();
  }
  return totals;
}

// Since the counters were reset.
std::map<std::string, Total> Counted() {
  std::map<std::string, Total> totals;
  for (const auto& [kernel, counters] : simt::Counters()) {
    Total& total = totals[kernel.substr(0, kernel.find('<'))];
    total.launches += counters.launches;
    total.memory_bytes += counters.unique_load_bytes + counters.unique_store_bytes;
  }
  return totals;
}

void ExpectCounted(std::map<std::string, Total> expected) {
  // The runtime leaves logits to the host, which looks for the largest.
  expected.erase("ArgMaxFiniteKernel");
  const std::map<std::string, Total> counted = Counted();
  double all_expected = 0, all_counted = 0;
  for (const auto& [kernel, total] : expected) {
    SCOPED_TRACE(kernel);
    ASSERT_TRUE(counted.contains(kernel));
    EXPECT_EQ(counted.at(kernel).launches, total.launches);
    EXPECT_NEAR(static_cast<double>(counted.at(kernel).memory_bytes), static_cast<double>(total.memory_bytes),
                0.1 * static_cast<double>(total.memory_bytes));
    all_expected += static_cast<double>(total.memory_bytes);
  }
  for (const auto& [kernel, total] : counted) {
    all_counted += static_cast<double>(total.memory_bytes);
    if (!expected.contains(kernel)) ADD_FAILURE() << kernel << " is launched " << total.launches << " times";
  }
  EXPECT_NEAR(all_counted, all_expected, 0.1 * all_expected);
}

class PassWorkTest : public DeviceTest, public testing::WithParamInterface<Precision> {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    ASSERT_TRUE(simt::CountsAccesses());
  }
};

TEST_P(PassWorkTest, PrefillAndADecodeStepLaunchWhatIsListed) {
  const Pass pass{Shape(), KvType::kBF16, GetParam()};
  const std::shared_ptr<const Model> model = MakeTestModel(3, kTestShape);
  const Method method = TestMethod("full", Semantics::kClean, {.max_new = 8});
  auto backend = MakeCudaBackend(model, GetParam(), pass.kv);
  ASSERT_TRUE(backend.ok()) << backend.status();
  std::vector<std::unique_ptr<BackendSequence>> rows;
  std::vector<BackendSequence*> sequences;
  std::vector<float> logits(kBatch * kTestShape.vocab);
  for (size_t i = 0; i < kBatch; ++i) {
    std::vector<int> prompt(kPrompt);  // no token twice: their embeddings would be read once
    std::iota(prompt.begin(), prompt.end(), static_cast<int>(1 + i));
    simt::ResetCounters();
    auto prefilled = (*backend)->Prefill({.prompt = prompt, .rows = {{method}}},
                                         std::span(logits).first(kTestShape.vocab));
    ASSERT_TRUE(prefilled.ok()) << prefilled.status();
    ExpectCounted(Expected(PrefillWork(pass, method, kPrompt)));
    rows.push_back(*std::move(prefilled->front()));
    sequences.push_back(rows.back().get());
  }
  // The first step's sequences get their slots.
  for (size_t step = 0; step < 2; ++step) {
    simt::ResetCounters();
    ASSERT_TRUE((*backend)->Decode(sequences, std::vector<int>{1, 2}, logits).ok());
  }
  ExpectCounted(Expected(DecodeStepWork(pass, method, kBatch, kPrompt + 2)));
}

INSTANTIATE_TEST_SUITE_P(Precisions, PassWorkTest, testing::Values(Precision::kF32, Precision::kBF16),
                         [](const auto& test) { return std::string(Name(test.param)); });

}  // namespace
}  // namespace kvscope::roofline
