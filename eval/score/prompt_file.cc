#include "eval/score/prompt_file.h"

#include <sstream>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::StatusOr<Prompt> ParseLine(std::string_view line, const std::string& where) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(line, where));
  return PromptFromJson(json, where);
}

}  // namespace

std::string PromptFileContent(const std::vector<Prompt>& prompts) {
  std::string content;
  for (const Prompt& prompt : prompts) content += DumpJson(ToJson(prompt)) + "\n";
  return content;
}

absl::StatusOr<std::map<std::string, Prompt>> ReadPromptFile(const std::string& path,
                                                             std::vector<std::string>& problems) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  std::map<std::string, Prompt> prompts;
  std::istringstream lines(std::move(text));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string where = fmt::format("{}:{}", path, ++number);
    absl::StatusOr<Prompt> prompt = ParseLine(line, where);
    if (!prompt.ok()) {
      problems.emplace_back(prompt.status().message());
      continue;
    }
    const std::string sample = prompt->sample;
    if (!prompts.emplace(sample, *std::move(prompt)).second)
      problems.push_back(fmt::format("{}: sample '{}' has a prompt already", where, sample));
  }
  return prompts;
}

}  // namespace kvscope
