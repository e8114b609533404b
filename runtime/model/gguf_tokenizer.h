// The tokenizer stored in a GGUF file, as the fields of a Hugging Face tokenizer.json.
#pragma once

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "runtime/model/gguf.h"
#include "runtime/model/model_config.h"

namespace kvscope {

// Null where the file has no tokenizer. DataLoss: lists that contradict each other or the config.
// Unimplemented: another kind than byte-level BPE, or a pre-tokenizer ("tokenizer.ggml.pre") that is not
// known.
absl::StatusOr<nlohmann::json> TokenizerFromGguf(const Gguf& file, const ModelConfig& config);

}  // namespace kvscope
