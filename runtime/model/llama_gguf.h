// Llama-architecture models in GGUF files, with the names and layouts that llama.cpp writes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/model/model.h"

namespace kvscope {

// `owner` keeps `bytes`, the whole file, alive; the model holds on to it. Errors as LoadModel's.
absl::StatusOr<std::shared_ptr<Model>> LoadLlamaGguf(std::shared_ptr<const void> owner,
                                                     std::span<const std::byte> bytes,
                                                     const std::string& path);

}  // namespace kvscope
