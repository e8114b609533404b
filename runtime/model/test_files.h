// Small weight files made in memory, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/dtype.h"
#include "runtime/model/llama_huggingface.h"
#include "runtime/model/model.h"

namespace kvscope::testing_files {

struct TestTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;  // outermost dimension first
  std::vector<std::byte> bytes;
};

// A tensor of numbers made from `seed`, all of them finite and not above 1 in size.
TestTensor RandomTensor(std::string name, DType dtype, std::vector<uint64_t> shape, uint32_t seed);

// A GGUF file as llama.cpp writes it, without padding after the last tensor.
class GgufBuilder {
 public:
  GgufBuilder& Uint32(std::string_view key, uint32_t value);
  GgufBuilder& Float(std::string_view key, float value);
  GgufBuilder& Bool(std::string_view key, bool value);
  GgufBuilder& String(std::string_view key, std::string_view value);
  GgufBuilder& Strings(std::string_view key, const std::vector<std::string>& values);
  GgufBuilder& Int32s(std::string_view key, const std::vector<int32_t>& values);
  // A value of any type, by its stored bytes.
  GgufBuilder& Raw(std::string_view key, uint32_t type, std::string_view value);
  GgufBuilder& Tensor(TestTensor tensor);

  std::vector<std::byte> Build(uint32_t version = 3) const;

 private:
  std::string metadata_;
  uint64_t metadata_count_ = 0;
  std::vector<TestTensor> tensors_;
};

// A safetensors file; the header is padded with spaces to a multiple of `header_multiple`.
std::vector<std::byte> BuildSafetensors(const std::vector<TestTensor>& tensors, size_t header_multiple = 8);

// The same for any header text.
std::vector<std::byte> BuildSafetensors(std::string_view header, size_t data_bytes);

// A Llama model of 2 layers, hidden 64, 4 heads, 2 KV heads, head_dim 16, FFN 32, vocabulary 8. The tensors
// of both builders hold the same numbers; the GGUF file has Q and K interleaved as llama.cpp stores them.
struct TinyLlama {
  DType dtype = DType::kF32;
  bool tied = false;

  ModelConfig Config() const;
  GgufBuilder Gguf() const;
  HuggingFaceFiles HuggingFace() const;     // plain element types only; owns its bytes
  std::vector<TestTensor> Tensors() const;  // with Hugging Face's names and row order
};

// Names the first weight of `model` that is not what it was made from, with how it differs; empty where there
// is none. `tensors` as TinyLlama::Tensors.
std::string FirstDifference(const Model& model, const std::vector<TestTensor>& tensors);

// Path of the SmolLM2-135M GGUF file in $KVSCOPE_CACHE or the user's cache; empty where it is in neither.
std::string CachedSmolLm2();

}  // namespace kvscope::testing_files
