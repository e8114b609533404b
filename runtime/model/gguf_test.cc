#include "runtime/model/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

using testing_files::GgufBuilder;
using testing_files::RandomTensor;
using testing_files::TestTensor;

constexpr DType kAllTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                               DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};

GgufBuilder Small() {
  return GgufBuilder()
      .Uint32("number", 7)
      .Strings("strings", {"one", "", "three"})
      .Tensor(RandomTensor("a", DType::kQ4_1, {2, 64}, 1))
      .Tensor(RandomTensor("b", DType::kF32, {3}, 2));
}

// Puts `value` over the bytes of `file` that follow the first occurrence of `after`.
template <typename T>
std::vector<std::byte> Overwritten(std::vector<std::byte> file, std::string_view after, size_t skip,
                                   T value) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const size_t at = text.find(after);
  EXPECT_NE(at, std::string_view::npos);
  std::memcpy(file.data() + at + after.size() + skip, &value, sizeof(value));
  return file;
}

void ExpectError(const std::vector<std::byte>& file, absl::StatusCode code, const std::string& fragment) {
  const auto parsed = Gguf::Parse(file, "file.gguf");
  EXPECT_EQ(parsed.status().code(), code) << parsed.status();
  const std::string message(parsed.status().message());
  EXPECT_EQ(message.find("file.gguf: "), 0u) << message;
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
}

TEST(Gguf, ReadsWhatWasWritten) {
  for (const uint32_t version : {2u, 3u}) {
    GgufBuilder builder;
    builder.Uint32("u32", 4000000000u).Float("f32", 0.5f).Bool("yes", true).String("s", "text");
    builder.Strings("list", {"x", "yy"}).Int32s("ints", {-1, 2}).Raw("u8", 0, "\xff").Raw("i8", 1, "\xff");
    const TestTensor tensor = RandomTensor("t", DType::kF16, {3, 5}, 1);
    builder.Tensor(tensor);
    const auto file = builder.Build(version);
    const auto parsed = Gguf::Parse(file, "file.gguf");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed->Get<uint32_t>("u32"), 4000000000u);
    EXPECT_EQ(*parsed->Get<uint32_t>("u8"), 255u);
    EXPECT_EQ(*parsed->Get<float>("f32"), 0.5f);
    EXPECT_TRUE(*parsed->Get<bool>("yes"));
    EXPECT_EQ(*parsed->Get<std::string_view>("s"), "text");
    EXPECT_EQ(*parsed->Get<std::vector<std::string_view>>("list"),
              (std::vector<std::string_view>{"x", "yy"}));
    EXPECT_EQ(*parsed->Get<std::vector<int64_t>>("ints"), (std::vector<int64_t>{-1, 2}));
    EXPECT_EQ(*parsed->GetOr<uint32_t>("none", 3), 3u);
    EXPECT_EQ(*parsed->Find<uint32_t>("none"), std::nullopt);
    // A value of another type, or out of range, is an error even where a fallback is given.
    EXPECT_EQ(parsed->GetOr<uint32_t>("i8", 3).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(parsed->GetOr<float>("u32", 3).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(parsed->Get<bool>("none").status().code(), absl::StatusCode::kDataLoss);
    const StoredTensor& read = parsed->tensors().at("t");
    EXPECT_EQ(read.dtype, DType::kF16);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_EQ(std::memcmp(read.data, tensor.bytes.data(), tensor.bytes.size()), 0);
  }
}

TEST(Gguf, ReadsEveryElementType) {
  GgufBuilder builder;
  std::vector<TestTensor> tensors;
  for (const DType dtype : kAllTypes)
    tensors.push_back(RandomTensor(std::string(Name(dtype)), dtype, {3, 64}, 5));
  for (const TestTensor& tensor : tensors) builder.Tensor(tensor);
  const auto file = builder.Build();
  const auto parsed = Gguf::Parse(file, "file.gguf");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  for (const TestTensor& tensor : tensors) {
    const StoredTensor& read = parsed->tensors().at(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(std::memcmp(read.data, tensor.bytes.data(), tensor.bytes.size()), 0) << tensor.name;
  }
}

TEST(Gguf, EveryShorterFileIsAnError) {
  const auto file = Small().Build();
  ASSERT_TRUE(Gguf::Parse(file, "file.gguf").ok());
  for (size_t size = 0; size < file.size(); ++size) {
    const std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(Gguf::Parse(cut, "file.gguf").status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(Gguf, CountsBeyondTheFileAreRefusedBeforeTheyAreUsed) {
  const auto file = Small().Build();
  for (const uint64_t count : {uint64_t{1} << 32, UINT64_MAX, UINT64_MAX / 8 + 1}) {
    ExpectError(Overwritten(file, "GGUF", 4, count), absl::StatusCode::kDataLoss,
                "tensor count: expected at most");
    ExpectError(Overwritten(file, "GGUF", 12, count), absl::StatusCode::kDataLoss,
                "metadata count: expected at most");
    ExpectError(Overwritten(file, "strings", 8, count), absl::StatusCode::kDataLoss,
                "strings: expected at most");
    ExpectError(Overwritten(file, "strings", 16, count), absl::StatusCode::kDataLoss, "strings at byte");
    ExpectError(Overwritten(file, "GGUF", 20, count), absl::StatusCode::kDataLoss, "metadata key at byte");
  }
}

TEST(Gguf, OtherFormatsAndVersionsAreNamed) {
  const auto file = Small().Build();
  ExpectError(Overwritten(file, "", 0, 'X'), absl::StatusCode::kDataLoss, "magic");
  ExpectError(Small().Build(1), absl::StatusCode::kUnimplemented, "version: expected 2 or 3");
  ExpectError(Small().Build(0x03000000), absl::StatusCode::kUnimplemented, "found 0x3000000");
}

// The tensor "b": name, dimensions, one size, type, offset.
constexpr std::string_view kTensorB("\1\0\0\0\0\0\0\0b", 9);

TEST(Gguf, TensorsThatDoNotFitAreRefused) {
  const auto file = Small().Build();
  const auto loss = absl::StatusCode::kDataLoss;
  ExpectError(Overwritten(file, kTensorB, 0, uint32_t{0}), loss,
              "tensor b: dimensions: expected 1 to 4, found 0");
  ExpectError(Overwritten(file, kTensorB, 0, uint32_t{5}), loss,
              "tensor b: dimensions: expected 1 to 4, found 5");
  ExpectError(Overwritten(file, kTensorB, 4, uint64_t{0}), loss, "tensor b: dimension 0");
  ExpectError(Overwritten(file, kTensorB, 4, uint64_t{4}), loss, "tensor b: expected 16 bytes at offset 96");
  ExpectError(Overwritten(file, kTensorB, 4, UINT64_MAX), loss, "tensor b: shape");
  ExpectError(Overwritten(file, kTensorB, 4, UINT64_MAX / 4), loss, "tensor b: expected");
  ExpectError(Overwritten(file, kTensorB, 12, uint32_t{8}), loss, "whole Q8_0 blocks of 32");
  ExpectError(Overwritten(file, kTensorB, 12, uint32_t{14}), absl::StatusCode::kUnimplemented, "found Q6_K");
  ExpectError(Overwritten(file, kTensorB, 12, uint32_t{99}), absl::StatusCode::kUnimplemented,
              "found number 99");
  ExpectError(Overwritten(file, kTensorB, 16, uint64_t{8}), loss,
              "tensor b: offset: expected a multiple of 32");
  ExpectError(Overwritten(file, kTensorB, 16, uint64_t{64}), loss, "tensor b: offset: expected at least 80");
  ExpectError(Overwritten(file, kTensorB, 16, uint64_t{1} << 40), loss,
              "tensor b: expected 12 bytes at offset");
  ExpectError(Overwritten(file, kTensorB, 16, UINT64_MAX - 31), loss,
              "tensor b: expected 12 bytes at offset");
}

TEST(Gguf, NamesUsedTwiceAreRefused) {
  ExpectError(Small().Uint32("number", 8).Build(), absl::StatusCode::kDataLoss,
              "metadata number: expected once");
  ExpectError(Small().Tensor(RandomTensor("b", DType::kF32, {1}, 3)).Build(), absl::StatusCode::kDataLoss,
              "tensor b: expected once");
}

TEST(Gguf, BadMetadataIsNamed) {
  const auto loss = absl::StatusCode::kDataLoss;
  ExpectError(Small().Raw("flag", 7, "\2").Build(), loss, "metadata flag: expected a boolean");
  ExpectError(Small().Raw("odd", 13, "").Build(), loss, "metadata odd: value type");
  ExpectError(Small().Raw("nest", 9, std::string_view("\x09\0\0\0\0\0\0\0\0\0\0\0", 12)).Build(), loss,
              "metadata nest: element type");
  for (const uint32_t alignment : {0u, 4u, 24u, 1u << 21})
    ExpectError(Small().Uint32("general.alignment", alignment).Build(), loss, "metadata general.alignment");
}

// Whatever single bytes are changed, the answer is a file or an error.
TEST(Gguf, SurvivesRandomDamage) {
  const auto file = Small().Build();
  std::mt19937 random(20260101);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    auto damaged = file;
    for (uint32_t change = random() % 4 + 1; change > 0; --change)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    const auto parsed = Gguf::Parse(damaged, "file.gguf");
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    for (const auto& [name, tensor] : parsed->tensors()) {
      const auto bytes = TensorBytes(tensor.dtype, tensor.shape);
      ASSERT_TRUE(bytes.has_value());
      ASSERT_LE(tensor.data + *bytes, damaged.data() + damaged.size());
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace kvscope
