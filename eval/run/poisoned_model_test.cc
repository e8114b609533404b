// A model whose numbers are finite and whose logits are not: no sample of it may pass for an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Bytes(const auto& value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

// The same model with all weights of its last norm near the largest float.
std::string Poisoned(const std::string& safetensors) {
  constexpr const char* kTensor = "model.norm.weight";
  constexpr float kHuge = 3e38f;
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, safetensors.data(), sizeof(header_bytes));
  nlohmann::json header = nlohmann::json::parse(safetensors.substr(sizeof(header_bytes), header_bytes));
  const std::string data = safetensors.substr(sizeof(header_bytes) + header_bytes);
  std::string out;
  for (auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    const auto begin = tensor.at("data_offsets").at(0).get<size_t>();
    const auto end = tensor.at("data_offsets").at(1).get<size_t>();
    const size_t at = out.size();
    if (name == kTensor) {
      tensor["dtype"] = "F32";
      for (size_t i = 0; i < tensor.at("shape").at(0).get<size_t>(); ++i) out += Bytes(kHuge);
    } else {
      out += data.substr(begin, end - begin);
    }
    tensor["data_offsets"] = {at, out.size()};
  }
  const std::string text = header.dump();
  return Bytes(uint64_t{text.size()}) + text + out;
}

TEST(PoisonedModel, EverySampleEndsInAnErrorAndTheRunFails) {
  const TemporaryFolder folder;
  ASSERT_EQ(RunKvscope({"fetch", "arith-tiny", "--cache", folder / "cache"}).exit_code, 0);
  const std::string model = folder / "poisoned";
  for (const auto& entry : std::filesystem::directory_iterator(folder / "cache/models"))
    std::filesystem::copy(entry.path(), model);
  const std::string weights = model + "/model.safetensors";
  ASSERT_TRUE(WriteFileAtomically(weights, Poisoned(*ReadFile(weights))).ok());
  const ProgramResult result =
      RunKvscope({"run", "--model", model, "--task", "arith+", "--questions", "8", "--limit", "2", "--method",
                  "full", "--batch", "2", "--out", folder / "run"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("2 of 2 samples ended in an error"));
  const RunFolder run = *ReadRunFolder(folder / "run");
  EXPECT_EQ(run.run.status, RunStatus::kFailed);
  ASSERT_THAT(run.samples, SizeIs(2));
  for (const SampleRecord& sample : run.samples) {
    EXPECT_EQ(sample.finish, FinishReason::kError);
    EXPECT_THAT(sample.error, HasSubstr("the logits of new token 0 are not finite"));
  }
  const ProgramResult report = RunKvscope({"report", folder / "run", "-o", "md"});
  EXPECT_THAT(report.out, HasSubstr("2 of 2 samples ended in an error and count as wrong"));
}

}  // namespace
}  // namespace kvscope
