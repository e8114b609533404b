// From a task's name to its prompts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "datasets/fetch.h"
#include "datasets/longgenbench.h"
#include "datasets/prompt.h"

namespace kvscope {

struct TaskInfo {
  std::string_view name;
  std::string_view description;
  int questions_4k = 0;  // what --length 4k and 8k mean
  int questions_8k = 0;
  bool has_published = false;
};

// Every task, in the order of `kvscope tasks`.
std::span<const TaskInfo> Tasks();

// InvalidArgument listing the names there are.
absl::StatusOr<const TaskInfo*> FindTask(std::string_view name);

struct BuildRequest {
  std::string task;
  // The size of a prompt, exactly one way: `length` "4k" or "8k", a task's own number of questions
  // (`questions` overrides it); `questions`; or `tokens`, for which a `length` such as "16k" (16 x 1024) is
  // another spelling.
  std::string length;
  int questions = 0;
  size_t tokens = 0;
  TokenCounter count_tokens;  // needed for a size in tokens

  std::string variant = "clean";  // or "published"
  int limit = 0;                  // the first so many prompts; 0: all there are, of Arith+ 50
  uint64_t seed = 0;              // Arith+ alone draws at random; the manifest of another task says 0

  // Arith+ only; see ArithOptions.
  double chained_share = 0.4;
  double far_share = 0.5;
  double fillers_per_line = 0.0;
};

// InvalidArgument names the field of the request that is wrong. Other errors come from fetching and reading.
absl::StatusOr<PromptSet> BuildPrompts(const BuildRequest& request, const Fetcher& fetcher);

// Builds the published variant and compares it with the published file, as JSON values. Returns the first
// difference
// ("gsm8k_30.jsonl: record 3: prompt: byte 120: expected "...", built "...""), or an empty string.
// InvalidArgument when no file was published for this task and number of questions.
absl::StatusOr<std::string> CheckAgainstPublished(const BuildRequest& request, const Fetcher& fetcher);

}  // namespace kvscope
