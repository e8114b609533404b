// Prompts as records of the published files, and where two lists of records first differ.
#pragma once

#include <string>
#include <vector>

#include "datasets/prompt.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// {prompt, questions, answers}, and the subject as "task" where there is one.
nlohmann::json PublishedRecord(const Prompt& prompt, const std::string& subject);

// Empty when the lists are equal; otherwise the first difference, by record, field and, in a text, byte.
std::string FirstDifference(const std::string& name, const std::vector<nlohmann::json>& expected,
                            const std::vector<nlohmann::json>& built);

}  // namespace kvscope
