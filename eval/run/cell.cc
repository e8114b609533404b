#include "eval/run/cell.h"

#include <algorithm>
#include <utility>

#include "datasets/builders.h"
#include "datasets/manifest.h"
#include "eval/cli/model_path.h"
#include "eval/run/prompt_tokens.h"
#include "eval/run/run_defaults.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "results/build_info.h"
#include "results/environment.h"
#include "runtime/tokenizer/chat_template.h"

namespace kvscope {
namespace {

KvType ToKvType(const std::string& name) {
  if (name == "f16") return KvType::kF16;
  if (name == "bf16") return KvType::kBF16;
  return KvType::kF32;
}

GroupScore ToGroupScore(const std::string& name) {
  if (name == "max") return GroupScore::kMax;
  if (name == "sum") return GroupScore::kSum;
  return GroupScore::kMean;
}

absl::Status LoadWeightsAndTokenizer(const RunRequest& request, const Fetcher& fetcher, Cell& cell) {
  ASSIGN_OR_RETURN(const std::string path, ModelPath(request.model, fetcher));
  ASSIGN_OR_RETURN(cell.model, LoadModel(path));
  if (cell.model->tokenizer.is_null())
    return absl::NotFoundError(fmt::format("{}: the model has no tokenizer.json", path));
  ASSIGN_OR_RETURN(cell.tokenizer, Tokenizer::FromJson(cell.model->tokenizer));
  return absl::OkStatus();
}

// The number of new tokens where none is asked for: the task's, cut to what the model has room for.
int NewTokens(const TaskInfo& task, int questions, bool published, Cell& cell) {
  const int wanted = DefaultMaxNewTokens(task, questions, published);
  size_t longest = 0;
  for (const std::vector<int>& tokens : cell.tokens) longest = std::max(longest, tokens.size());
  const uint32_t positions = cell.model->config.max_positions;
  if (longest >= positions) return wanted;  // CheckFits says so
  const int room = static_cast<int>(positions - longest);
  if (wanted > room)
    cell.notes.push_back(
        fmt::format("--max-new-tokens: {} in place of {}, all that the model's {} positions leave", room,
                    wanted, positions));
  return std::min(wanted, room);
}

absl::StatusOr<Method> ResolveMethod(const RunRequest& request, const TaskInfo& task, int questions,
                                     int max_new_tokens) {
  Budgets budgets;
  budgets.prefill = request.prefill_budget.value_or(DefaultPrefillBudget(task, questions));
  budgets.observation = request.observation_window;
  budgets.window = request.window;
  budgets.recent = request.recent;
  budgets.max_new = max_new_tokens;
  budgets.group_score = ToGroupScore(request.group_score);
  budgets.head_budget =
      request.head_budget == "concentration" ? HeadBudget::kConcentration : HeadBudget::kUniform;
  budgets.per_query_head = request.per_query_head;
  budgets.seed = request.seed;
  const Semantics semantics = request.semantics == "published" ? Semantics::kPublished : Semantics::kClean;
  return MakeMethod(request.method, semantics, budgets);
}

RunConfig ConfigOf(const RunRequest& request, const Cell& cell, int questions, PromptTemplate format) {
  const Method& method = cell.method;
  const bool selects = UsesPrefillBudget(method) || UsesWindow(method);
  RunConfig config;
  config.model = request.model;
  config.task = request.task;
  config.length = request.length;
  config.questions = questions;
  config.seed = request.seed;
  config.method = method.Name();
  if (UsesPrefillBudget(method)) {
    config.prefill_budget = method.budgets.prefill;
    config.observation_window =
        method.prefill->window_is_half_budget ? method.budgets.prefill / 2 : method.budgets.observation;
  }
  if (UsesWindow(method)) config.window = method.budgets.window;
  if (UsesRecent(method)) config.recent = method.budgets.recent;
  if (UsesWindow(method)) config.head_budget = request.head_budget;
  if (selects && !method.CachesQueryHeads()) config.group_score = request.group_score;
  config.cached_heads = method.CachesQueryHeads() ? "query" : "kv";
  config.max_new_tokens = method.budgets.max_new;
  config.semantics = request.semantics;
  config.precision = "f32";
  config.kv = request.kv;
  config.device = request.device;
  config.mode = cell.engine.batch == 1 ? "timing" : "accuracy";
  config.prompt_template = Name(format);
  if (request.limit > 0) config.limit = request.limit;
  if (cell.engine.batch == 1) config.threads = cell.engine.threads;
  return config;
}

void AddProvenance(const Cell& cell, const Manifest& manifest, std::vector<std::string> command_line,
                   RunRecord& run) {
  run.model_sha256 = cell.model->sha256;
  run.tokenizer_sha256 = Sha256Hex(DumpJson(cell.model->tokenizer));
  run.data_sha256 = manifest.data_sha256;
  run.data = ToJson(manifest);
  run.build = ToJson(GetBuildInfo());
  run.machine = ToJson(GetMachine());
  run.execution = {{"threads", cell.engine.threads}, {"batch", cell.engine.batch}, {"warm_up", cell.warm_up}};
  run.command_line = std::move(command_line);
}

}  // namespace

absl::StatusOr<Cell> PrepareCell(const RunRequest& request, const Fetcher& fetcher,
                                 std::vector<std::string> command_line) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const TaskInfo* task, FindTask(request.task));
  const bool published = request.semantics == "published";

  BuildRequest build;
  build.task = request.task;
  build.length = request.length;
  build.questions = request.questions;
  build.seed = request.seed;
  build.limit = request.limit;
  build.variant = published && task->has_published ? "published" : "clean";
  Cell cell;
  RETURN_IF_ERROR(LoadWeightsAndTokenizer(request, fetcher, cell));
  build.count_tokens = [&](std::string_view text) { return cell.tokenizer->Encode(text).size(); };
  ASSIGN_OR_RETURN(PromptSet set, BuildPrompts(build, fetcher));
  cell.prompts = std::move(set.prompts);
  if (cell.prompts.empty())
    return absl::InvalidArgumentError(fmt::format("{}: there are no prompts", request.task));

  ASSIGN_OR_RETURN(const PromptTemplate format, TemplateFor(*cell.model, request.task, published));
  size_t questions = 0;
  for (const Prompt& prompt : cell.prompts) {
    cell.tokens.push_back(PromptTokens(prompt, *cell.model, *cell.tokenizer, format));
    questions = std::max(questions, prompt.questions.size());
  }
  const int k = static_cast<int>(questions);
  const int max_new_tokens =
      request.max_new_tokens ? *request.max_new_tokens : NewTokens(*task, k, published, cell);
  ASSIGN_OR_RETURN(cell.method, ResolveMethod(request, *task, k, max_new_tokens));
  RETURN_IF_ERROR(CheckFits(cell.prompts, cell.tokens, max_new_tokens, cell.model->config));

  cell.stop_tokens = StopTokens(*cell.model, *cell.tokenizer, format);
  cell.engine.batch = request.batch;
  cell.engine.threads = request.threads > 0 ? request.threads : GetMachine().cores;
  cell.engine.kv = ToKvType(request.kv);
  cell.warm_up = request.timing;
  cell.run.config = ConfigOf(request, cell, k, format);
  AddProvenance(cell, set.manifest, std::move(command_line), cell.run);
  return cell;
}

}  // namespace kvscope
