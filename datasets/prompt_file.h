// A set of prompts on disk: PATH, one prompt a line, and PATH.manifest.json beside it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "datasets/prompt.h"

namespace kvscope {

std::string ManifestPath(const std::string& path);

// Writes both files, each atomically. Files that hold the same bytes already are left alone. AlreadyExists,
// and nothing written, when either holds others and `overwrite` is false.
absl::Status WritePromptFile(const PromptSet& set, const std::string& path, bool overwrite);

}  // namespace kvscope
