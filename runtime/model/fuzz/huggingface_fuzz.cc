// Hugging Face folders: config.json, generation_config.json, tokenizer.json, tokenizer_config.json, the index
// and the header of model.safetensors, in this order. The weights are zeros.
#include <cstring>
#include <span>

#include "results/base/fuzz/fuzz_target.h"
#include "runtime/model/llama_huggingface.h"
#include "runtime/model/test_files.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {
namespace {

constexpr size_t kParts = 6;
constexpr testing_files::TinyLlama kTiny = {.dtype = DType::kBF16, .tied = true};

size_t WeightBytes() {
  size_t bytes = 0;
  for (const testing_files::TestTensor& tensor : kTiny.Tensors()) bytes += tensor.bytes.size();
  return bytes;
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  static const size_t weight_bytes = WeightBytes();
  const std::vector<std::string> parts = SplitFuzzInput(bytes, kParts);
  const uint64_t header_bytes = parts[5].size();
  std::string weights(sizeof(header_bytes), '\0');
  std::memcpy(weights.data(), &header_bytes, sizeof(header_bytes));
  weights.append(parts[5]).append(weight_bytes, '\0');
  HuggingFaceFiles files;
  files.path = "fuzz";
  files.config = parts[0];
  files.generation_config = parts[1];
  files.tokenizer = parts[2];
  files.tokenizer_config = parts[3];
  files.index = parts[4];
  files.weights.push_back(
      {.name = "model.safetensors", .bytes = std::as_bytes(std::span(weights)), .owner = nullptr});
  const auto model = LoadLlamaHuggingFace(files);
  if (model.ok() && !(*model)->tokenizer.is_null()) Tokenizer::FromJson((*model)->tokenizer).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  const HuggingFaceFiles files = kTiny.HuggingFace();
  const auto weights = files.weights.front().bytes;
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, weights.data(), sizeof(header_bytes));
  const std::string header(reinterpret_cast<const char*>(weights.data()) + sizeof(header_bytes),
                           header_bytes);
  const std::string generation = R"({"eos_token_id": [1, 2]})";
  const std::string tokenizer =
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}})";
  const std::string chat = R"({"chat_template": [{"name": "default", "template": "{{ messages }}"}]})";
  const std::string llama3 =
      R"({"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,
 "intermediate_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 8,
 "max_position_embeddings": 128, "tie_word_embeddings": true, "rope_parameters": {"rope_type": "llama3",
 "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}})";
  const std::string index = R"({"weight_map": {"model.norm.weight": "model.safetensors"}})";
  return {JoinFuzzInput({files.config, generation, tokenizer, chat, "", header}),
          JoinFuzzInput({llama3, "", "", "", index, header})};
}

}  // namespace kvscope
