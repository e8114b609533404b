// What `--model` takes: a name of the catalog, a .gguf file, or a Hugging Face folder.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "datasets/fetch.h"

namespace kvscope {

// The path for LoadModel. A name of the catalog goes before a file of that name ("./NAME" is the file). An
// embedded model is written to the cache. NotFound, saying what to do, when the model is not on this machine.
absl::StatusOr<std::string> ModelPath(const std::string& model, const Fetcher& fetcher);

}  // namespace kvscope
