#include "datasets/builders.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "datasets/arith/arith.h"
#include "datasets/manifest.h"
#include "datasets/published/compare.h"
#include "datasets/tasks.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr std::array kTasks = {
    TaskInfo{"gsm8k+", "Grade-school word problems, a number each", 30, 60, true},
    TaskInfo{"mmlu+", "Multiple choice from 57 subjects, a subject a prompt", 30, 60, true},
    TaskInfo{"csqa+", "Multiple choice on common sense", 40, 80, true},
    TaskInfo{"arith+", "Sums that need the prompt, or an earlier answer; drawn from a seed",
             kArithQuestions4k, kArithQuestions8k, false},
};

absl::Status FieldError(const BuildRequest& request, std::string_view field, std::string_view expected,
                        std::string_view found) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {}: expected {}, found {}", request.task, field, expected, found));
}

// "16k" is 16384; nothing when `length` is not digits and a k.
size_t TokensOfLength(std::string_view length) {
  constexpr size_t kTokensPerK = 1024;
  constexpr size_t kMaxK = 1024;
  size_t k = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), k);
  if (error != std::errc() || length.substr(static_cast<size_t>(end - length.data())) != "k" || k > kMaxK)
    return 0;
  return k * kTokensPerK;
}

absl::StatusOr<PromptSize> ResolveSize(const BuildRequest& request, const TaskInfo& task) {
  const bool own_length = request.length == "4k" || request.length == "8k";
  const int ways = (request.tokens > 0 ? 1 : 0) + (request.questions > 0 || own_length ? 1 : 0) +
                   (!request.length.empty() && !own_length ? 1 : 0);
  if (request.questions < 0)
    return FieldError(request, "questions", "a positive number", fmt::format("{}", request.questions));
  if (ways != 1)
    return FieldError(request, "size", "one of length, questions and tokens", fmt::format("{}", ways));
  PromptSize size;
  if (request.questions > 0) {
    size.questions = request.questions;
  } else if (own_length) {
    size.questions = request.length == "4k" ? task.questions_4k : task.questions_8k;
  } else {
    size.tokens = request.tokens > 0 ? request.tokens : TokensOfLength(request.length);
    size.count_tokens = request.count_tokens;
    if (size.tokens == 0)
      return FieldError(request, "length", "4k, 8k or a number of 1024 tokens as 16k", request.length);
    if (!size.count_tokens) return FieldError(request, "tokens", "a tokenizer to count them with", "none");
  }
  return size;
}

absl::StatusOr<Variant> ResolveVariant(const BuildRequest& request, const TaskInfo& task) {
  if (request.variant == "clean") return Variant::kClean;
  if (request.variant != "published")
    return FieldError(request, "variant", "clean or published", request.variant);
  if (!task.has_published)
    return FieldError(request, "variant", "clean, since nothing was published", request.variant);
  return Variant::kPublished;
}

absl::StatusOr<BuiltTask> BuildTask(std::string_view task, Variant variant, const PromptSize& size,
                                    const Fetcher& fetcher) {
  if (task == "gsm8k+") return BuildGsm8k(variant, size, fetcher);
  if (task == "mmlu+") return BuildMmlu(variant, size, fetcher);
  return BuildCsqa(variant, size, fetcher);
}

absl::StatusOr<PromptSet> BuildArith(const BuildRequest& request, const PromptSize& size) {
  if (size.tokens > 0)
    return FieldError(request, "tokens", "a number of questions", fmt::format("{}", size.tokens));
  ArithOptions options;
  options.questions = size.questions;
  if (request.limit > 0) options.prompts = request.limit;
  options.chained_share = request.chained_share;
  options.far_share = request.far_share;
  options.fillers_per_line = request.fillers_per_line;
  options.seed = request.seed;
  PromptSet set;
  ASSIGN_OR_RETURN(set.prompts, GenerateArith(options));
  set.manifest.seed = request.seed;
  set.manifest.sources = nlohmann::json::array();
  set.manifest.defects = nlohmann::json::object();
  return set;
}

absl::StatusOr<PromptSet> BuildFromData(const BuildRequest& request, Variant variant, const PromptSize& size,
                                        const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(BuiltTask task, BuildTask(request.task, variant, size, fetcher));
  PromptSet set;
  DefectCounts defects;
  for (BuiltPrompt& built : task.prompts) {
    if (request.limit > 0 && set.prompts.size() == static_cast<size_t>(request.limit)) break;
    if (!built.published_run) {
      ++defects["prompts_not_run"];
      if (variant == Variant::kPublished) continue;
    }
    for (const auto& [name, count] : built.defects) defects[name] += count;
    set.prompts.push_back(std::move(built.prompt));
  }
  if (set.prompts.empty()) return FieldError(request, "size", "one that the data can fill", size.Label());
  if (task.subjects_left_out > 0) defects["subjects_left_out"] = task.subjects_left_out;
  set.manifest.sources = std::move(task.sources);
  set.manifest.defects = defects;
  return set;
}

}  // namespace

std::span<const TaskInfo> Tasks() { return kTasks; }

absl::StatusOr<const TaskInfo*> FindTask(std::string_view name) {
  const auto found =
      std::find_if(kTasks.begin(), kTasks.end(), [&](const TaskInfo& task) { return task.name == name; });
  if (found != kTasks.end()) return &*found;
  std::string names;
  for (const TaskInfo& task : kTasks) names.append(names.empty() ? "" : ", ").append(task.name);
  return absl::InvalidArgumentError(fmt::format("{}: no such task; there are {}", name, names));
}

absl::StatusOr<PromptSet> BuildPrompts(const BuildRequest& request, const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(const TaskInfo* const task, FindTask(request.task));
  ASSIGN_OR_RETURN(const Variant variant, ResolveVariant(request, *task));
  ASSIGN_OR_RETURN(const PromptSize size, ResolveSize(request, *task));
  if (request.limit < 0) return FieldError(request, "limit", "0 or more", fmt::format("{}", request.limit));
  ASSIGN_OR_RETURN(PromptSet set, request.task == "arith+" ? BuildArith(request, size)
                                                           : BuildFromData(request, variant, size, fetcher));
  set.manifest.task = request.task;
  set.manifest.variant = request.variant;
  set.manifest.questions_per_prompt = size.questions;
  set.manifest.data_sha256 = DataSha256(set.prompts);
  return set;
}

absl::StatusOr<std::string> CheckAgainstPublished(const BuildRequest& request, const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(const TaskInfo* const task, FindTask(request.task));
  ASSIGN_OR_RETURN(const PromptSize size, ResolveSize(request, *task));
  if (!task->has_published || (size.questions != task->questions_4k && size.questions != task->questions_8k))
    return FieldError(request, "check", "a task and size that was published", size.Label());
  const std::string stem(task->name.substr(0, task->name.size() - 1));
  const std::string name = fmt::format("{0}/{0}_{1}.jsonl", stem, size.questions);
  nlohmann::json sources;
  ASSIGN_OR_RETURN(const std::string path, FetchSource(fetcher, "scope-prompts", name, sources));
  ASSIGN_OR_RETURN(const std::vector<nlohmann::json> published, ReadJsonLines(path));
  ASSIGN_OR_RETURN(const BuiltTask built, BuildTask(task->name, Variant::kPublished, size, fetcher));
  std::vector<nlohmann::json> records;
  for (const BuiltPrompt& prompt : built.prompts)
    records.push_back(PublishedRecord(prompt.prompt, prompt.subject));
  return FirstDifference(name, published, records);
}

}  // namespace kvscope
