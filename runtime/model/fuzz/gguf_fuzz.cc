// GGUF files: a whole model, its tokenizer included. Zeros follow the input, enough for the weights of the
// seeds: inputs are headers, and mutations do not lose themselves in weights.
#include <algorithm>
#include <span>

#include "results/base/fuzz/fuzz_target.h"
#include "runtime/model/gguf.h"
#include "runtime/model/llama_gguf.h"
#include "runtime/model/test_files.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {
namespace {

constexpr size_t kWeightBytes = 40'000;

// A file up to where its weights begin.
std::string Header(const testing_files::GgufBuilder& builder, uint32_t version) {
  const std::vector<std::byte> file = builder.Build(version);
  size_t header_bytes = file.size();
  const auto parsed = Gguf::Parse(file, "seed");
  for (const auto& [name, tensor] : parsed->tensors())
    header_bytes = std::min(header_bytes, static_cast<size_t>(tensor.data - file.data()));
  return {reinterpret_cast<const char*>(file.data()), header_bytes};
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  std::string file(bytes);
  file.resize(file.size() + kWeightBytes);
  const auto model = LoadLlamaGguf(nullptr, std::as_bytes(std::span(file)), "fuzz.gguf");
  if (model.ok() && !(*model)->tokenizer.is_null()) Tokenizer::FromJson((*model)->tokenizer).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  using testing_files::GgufBuilder;
  using testing_files::TinyLlama;
  const auto arrays = GgufBuilder()
                          .Uint32("general.alignment", 32)
                          .Bool("flag", true)
                          .Float("number", 0.5f)
                          .Strings("words", {"a", "", "bc"})
                          .Int32s("integers", {-1, 0, 7})
                          .Tensor(testing_files::RandomTensor("a", DType::kQ4_1, {2, 32}, 1))
                          .Tensor(testing_files::RandomTensor("b", DType::kBF16, {3}, 2));
  return {Header(arrays, 2), Header(arrays, 3),
          Header(TinyLlama{.dtype = DType::kQ4_0, .tied = true}.Gguf(), 3),
          Header(TinyLlama{.dtype = DType::kQ8_0}.Gguf(), 3)};
}

}  // namespace kvscope
