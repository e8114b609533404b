// The Arith+ model that is compiled into the program: a Hugging Face folder that needs no download.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

inline constexpr std::string_view kArithModelName = "arith-tiny";

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

// model.safetensors, config.json, tokenizer.json.
std::vector<EmbeddedFile> ArithModelFiles();

// Writes the files below `cache_folder`, each atomically, and returns their folder. Its name holds a hash of
// their content, so that programs with different models share a cache. A file already there with other
// content (a cut disk, an edit) is written anew. Unavailable when the folder cannot be written.
absl::StatusOr<std::string> ExtractArithModel(const std::string& cache_folder);

}  // namespace kvscope
