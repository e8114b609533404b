#include "runtime/model/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

using testing_files::BuildSafetensors;
using testing_files::RandomTensor;
using testing_files::TestTensor;

std::vector<TestTensor> SmallTensors() {
  return {RandomTensor("a", DType::kF16, {3}, 1), RandomTensor("b", DType::kF32, {2, 3}, 2),
          RandomTensor("c", DType::kBF16, {5, 1}, 3)};
}

void ExpectError(const std::vector<std::byte>& file, absl::StatusCode code, const std::string& fragment) {
  const auto parsed = ParseSafetensors(file, "f.safetensors");
  EXPECT_EQ(parsed.status().code(), code) << parsed.status();
  const std::string message(parsed.status().message());
  EXPECT_EQ(message.find("f.safetensors: "), 0u) << message;
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
}

TEST(Safetensors, ReadsWhatWasWritten) {
  const auto tensors = SmallTensors();
  const auto file = BuildSafetensors(tensors);
  const auto parsed = ParseSafetensors(file, "f.safetensors");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 3u);
  for (const TestTensor& tensor : tensors) {
    const StoredTensor& read = parsed->at(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_EQ(std::memcmp(read.data, tensor.bytes.data(), tensor.bytes.size()), 0) << tensor.name;
  }
}

TEST(Safetensors, EveryShorterFileIsAnError) {
  const auto file = BuildSafetensors(SmallTensors());
  for (size_t size = 0; size < file.size(); ++size) {
    const std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(ParseSafetensors(cut, "f.safetensors").status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(Safetensors, HeadersThatContradictThemselvesAreRefused) {
  const auto loss = absl::StatusCode::kDataLoss;
  const auto f32 = [](std::string_view shape, std::string_view offsets) {
    return std::string(R"("dtype":"F32","shape":)") + std::string(shape) + R"(,"data_offsets":)" +
           std::string(offsets);
  };
  const auto one = [&](const std::string& entry) { return "{\"x\":{" + entry + "}}"; };
  ASSERT_TRUE(ParseSafetensors(BuildSafetensors(one(f32("[2]", "[0,8]")), 8), "f").ok());
  ASSERT_TRUE(ParseSafetensors(BuildSafetensors(one(f32("[]", "[0,4]")), 4), "f").ok());
  ExpectError(BuildSafetensors("[1]", 0), loss, "header: expected a JSON object");
  ExpectError(BuildSafetensors("{\"x\":", 0), loss, "header");
  ExpectError(BuildSafetensors("{\"x\":3}", 0), loss, "tensor x: expected an object");
  ExpectError(BuildSafetensors(one(f32("[2]", "[0,4]")), 4), loss, "expected the bytes of F32 [2], found 4");
  ExpectError(BuildSafetensors(one(f32("[2]", "[8,0]")), 8), loss, "data_offsets");
  ExpectError(BuildSafetensors(one(f32("[2]", "[0]")), 8), loss, "data_offsets");
  ExpectError(BuildSafetensors(one(f32("[2]", "[-8,0]")), 8), loss, "data_offsets");
  ExpectError(BuildSafetensors(one(f32("[-2]", "[0,8]")), 8), loss, "shape");
  ExpectError(BuildSafetensors(one(f32("\"2\"", "[0,8]")), 8), loss, "shape");
  ExpectError(BuildSafetensors(one(f32("[4611686018427387905]", "[0,4]")), 4), loss, "expected the bytes of");
  ExpectError(BuildSafetensors(one(f32("[2]", "[4,12]")), 12), loss, "expected to begin at 0");
  ExpectError(BuildSafetensors(one(f32("[2]", "[0,8]")), 9), loss, "found 1 bytes more");
  ExpectError(BuildSafetensors(one(f32("[2]", "[0,8]")), 7), loss, "expected 8 more bytes, found 7");
  ExpectError(
      BuildSafetensors("{\"x\":{" + f32("[2]", "[0,8]") + "},\"y\":{" + f32("[2]", "[4,12]") + "}}", 12),
      loss, "tensor y: data_offsets: expected to begin at 8");
  ExpectError(BuildSafetensors(R"({"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", 8),
              absl::StatusCode::kUnimplemented, "dtype: expected F32, F16 or BF16, found \"I64\"");
  ExpectError(BuildSafetensors(R"({"x":{"dtype":7,"shape":[1],"data_offsets":[0,8]}})", 8), loss, "dtype");
}

TEST(Safetensors, ADeeplyNestedHeaderIsAnError) {
  const std::string deep(100000, '[');
  ExpectError(BuildSafetensors("{\"x\":" + deep + std::string(100000, ']') + "}", 0),
              absl::StatusCode::kDataLoss, "header: byte 69: expected lists and objects at most 64 deep");
}

TEST(Safetensors, SurvivesRandomDamage) {
  const auto file = BuildSafetensors(SmallTensors());
  std::mt19937 random(20260102);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    auto damaged = file;
    for (uint32_t change = random() % 3 + 1; change > 0; --change)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    const auto parsed = ParseSafetensors(damaged, "f.safetensors");
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    for (const auto& [name, tensor] : *parsed) {
      const auto bytes = TensorBytes(tensor.dtype, tensor.shape);
      ASSERT_TRUE(bytes.has_value());
      ASSERT_LE(tensor.data + *bytes, damaged.data() + damaged.size());
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace kvscope
