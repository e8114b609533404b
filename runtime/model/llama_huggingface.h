// Llama-architecture models as Hugging Face folders: config.json, safetensors, tokenizer.json.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/model/model.h"

namespace kvscope {

// The files of a model's folder, by their content. An empty text is an absent file.
struct HuggingFaceFiles {
  struct Weights {
    std::string name;  // "model.safetensors", or a shard's
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  // keeps the bytes alive; null where they live as long as the program
  };

  std::string path;  // of the folder; stands in messages and in Model::path
  std::string config;
  std::string generation_config;
  std::string tokenizer;
  std::string tokenizer_config;
  std::string chat_template;     // chat_template.jinja: goes before the one in tokenizer_config.json
  std::string index;             // model.safetensors.index.json, where the weights are sharded
  std::vector<Weights> weights;  // in name order
};

// Errors as LoadModel's.
absl::StatusOr<HuggingFaceFiles> ReadHuggingFaceFolder(const std::string& path);
absl::StatusOr<std::shared_ptr<Model>> LoadLlamaHuggingFace(const HuggingFaceFiles& files);

}  // namespace kvscope
