// A manifest as JSON, and the hash that ties it to its prompts.
#pragma once

#include <string>
#include <vector>

#include "datasets/prompt.h"
#include "nlohmann/json.hpp"

namespace kvscope {

inline constexpr int kManifestSchema = 1;

nlohmann::json ToJson(const Manifest& manifest);

// SHA-256 over each prompt's hash and its questions' numbers and golds, in order.
std::string DataSha256(const std::vector<Prompt>& prompts);

}  // namespace kvscope
