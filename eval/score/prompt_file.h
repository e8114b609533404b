// prompts.jsonl of a run's folder: what was asked, and the golds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/prompt.h"

namespace kvscope {

std::string PromptFileContent(const std::vector<Prompt>& prompts);

// Prompts by sample. Lines that are no prompt are described in `problems` ("path:line: ...") and left out.
// NotFound when the file is absent.
absl::StatusOr<std::map<std::string, Prompt>> ReadPromptFile(const std::string& path,
                                                             std::vector<std::string>& problems);

}  // namespace kvscope
