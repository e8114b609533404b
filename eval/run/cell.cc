#include "eval/run/cell.h"

#include <algorithm>
#include <utility>

#include "datasets/manifest.h"
#include "eval/run/device.h"
#include "eval/run/model_path.h"
#include "eval/run/prompt_tokens.h"
#include "eval/run/run_defaults.h"
#include "fmt/format.h"
#include "kernels/cpu/cpu_level.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "results/build_info.h"
#include "results/environment.h"
#include "runtime/tokenizer/chat_template.h"

namespace kvscope {
namespace {

GroupScore ToGroupScore(const std::string& name) {
  if (name == "max") return GroupScore::kMax;
  if (name == "sum") return GroupScore::kSum;
  return GroupScore::kMean;
}

// The number of new tokens where none is asked for: the task's, cut to what the model has room for.
int NewTokens(const TaskInfo& task, int questions, bool published, Cell& cell) {
  const int wanted = DefaultMaxNewTokens(task, questions, published);
  size_t longest = 0;
  for (const std::vector<int>& tokens : cell.data->tokens) longest = std::max(longest, tokens.size());
  const uint32_t positions = cell.model->config.max_positions;
  if (longest >= positions) return wanted;  // CheckFits says so
  const int room = static_cast<int>(positions - longest);
  if (wanted > room)
    cell.notes.push_back(
        fmt::format("--max-new-tokens: {} in place of {}, all that the model's {} positions leave", room,
                    wanted, positions));
  return std::min(wanted, room);
}

RunConfig ConfigOf(const RunRequest& request, const Cell& cell, int questions) {
  const Method& method = cell.method;
  const bool selects = UsesPrefillBudget(method) || UsesWindow(method);
  RunConfig config;
  config.model = request.model;
  config.task = request.task;
  config.length = request.length;
  config.questions = questions;
  config.seed = request.seed;
  if (request.filler != 0) config.filler = request.filler;
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
  config.precision = Name(cell.engine.precision);
  config.kv = Name(cell.engine.kv);
  config.device = request.device;
  config.mode = cell.engine.batch == 1 && request.device != "emulated" ? "timing" : "accuracy";
  config.prompt_template = Name(cell.data->format);
  if (request.limit > 0) config.limit = request.limit;
  if (cell.engine.batch == 1) config.threads = cell.engine.threads;
  return config;
}

void AddProvenance(const Cell& cell, RunRecord& run) {
  const Manifest& manifest = cell.data->manifest;
  run.model_sha256 = cell.model->sha256;
  run.data_sha256 = manifest.data_sha256;
  run.data = ToJson(manifest);
  if (!cell.data->cut.empty()) run.data["prompts_cut"] = cell.data->cut.size();
  run.build = ToJson(GetBuildInfo());
  run.machine = ToJson(GetMachine());
  run.execution = {{"threads", cell.engine.threads}, {"batch", cell.engine.batch}, {"warm_up", cell.warm_up}};
  // What the fast path's rounding depends on, besides the model and the cache's type.
  if (run.config.device == "cpu" && cell.engine.precision == Precision::kBF16)
    run.execution["cpu_level"] = Name(CurrentLevel());
  if (!cell.notes.empty()) run.execution["notes"] = cell.notes;
  const nlohmann::json device = DescribeDevice(run.config.device, cell.method);
  if (!device.is_null()) run.execution["device"] = device;
}

}  // namespace

Precision ToPrecision(const RunRequest& request, const ModelConfig& model) {
  if (request.precision == "auto") {
    // An emulator is there to check, not to be fast.
    return request.device == "emulated" ? Precision::kF32 : DefaultPrecision(model);
  }
  return request.precision == "bf16" ? Precision::kBF16 : Precision::kF32;
}

KvType ToKvType(const std::string& name, Precision precision) {
  if (name == "auto") return DefaultKvType(precision);
  if (name == "f16") return KvType::kF16;
  if (name == "bf16") return KvType::kBF16;
  if (name == "int8") return KvType::kInt8;
  return KvType::kF32;
}

Semantics ToSemantics(const std::string& name) {
  return name == "published" ? Semantics::kPublished : Semantics::kClean;
}

int MostQuestions(const std::vector<Prompt>& prompts) {
  size_t most = 0;
  for (const Prompt& prompt : prompts) most = std::max(most, prompt.questions.size());
  return static_cast<int>(most);
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
  return MakeMethod(request.method, ToSemantics(request.semantics), budgets);
}

BuildRequest ToBuildRequest(const RunRequest& request, const TaskInfo& task) {
  BuildRequest build;
  build.task = request.task;
  build.length = request.length;
  build.questions = request.questions;
  build.seed = request.seed;
  build.fillers_per_line = request.filler;
  build.limit = request.limit;
  build.variant = request.semantics == "published" && task.has_published ? "published" : "clean";
  return build;
}

absl::Status CellMaker::LoadModelAndTokenizer(const std::string& name) {
  if (model_ != nullptr && name == model_name_) return absl::OkStatus();
  prompts_.clear();
  model_ = nullptr;
  ASSIGN_OR_RETURN(const std::string path, ModelPath(name, fetcher_));
  ASSIGN_OR_RETURN(std::shared_ptr<const Model> model, LoadModel(path));
  if (model->tokenizer.is_null())
    return absl::NotFoundError(fmt::format("{}: the model has no tokenizer.json", path));
  ASSIGN_OR_RETURN(tokenizer_, Tokenizer::FromJson(model->tokenizer));
  tokenizer_sha256_ = Sha256Hex(DumpJson(model->tokenizer));
  model_ = std::move(model);
  model_name_ = name;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TokenizedPrompts>> CellMaker::PromptsOf(const RunRequest& request) {
  ASSIGN_OR_RETURN(const TaskInfo* task, FindTask(request.task));
  const bool published = request.semantics == "published";
  const std::string key = fmt::format("{} {} {} {} {} {} {}", request.task, request.length, request.questions,
                                      request.seed, request.filler, request.limit, published);
  if (const auto there = prompts_.find(key); there != prompts_.end()) return there->second;

  BuildRequest build = ToBuildRequest(request, *task);
  build.count_tokens = [this](std::string_view text) { return tokenizer_->Encode(text).size(); };
  ASSIGN_OR_RETURN(PromptSet set, BuildPrompts(build, fetcher_));
  if (set.prompts.empty())
    return absl::InvalidArgumentError(fmt::format("{}: there are no prompts", request.task));

  auto data = std::make_shared<TokenizedPrompts>();
  ASSIGN_OR_RETURN(data->format, TemplateFor(*model_, request.task, published));
  for (const Prompt& prompt : set.prompts)
    data->tokens.push_back(PromptTokens(prompt, *model_, *tokenizer_, data->format));
  if (published) CutLongPrompts(*data);
  data->prompts = std::move(set.prompts);
  data->manifest = std::move(set.manifest);
  return prompts_[key] = std::move(data);
}

void CellMaker::CutLongPrompts(TokenizedPrompts& data) const {
  const std::optional<size_t> limit = PublishedPromptLimit(model_name_);
  if (!limit) return;
  for (std::vector<int>& tokens : data.tokens) {
    if (tokens.size() <= *limit) continue;
    const bool has_bos = model_->config.bos && tokens.front() == *model_->config.bos;
    tokens = CutToHalves(tokens, *limit, *tokenizer_, has_bos ? model_->config.bos : std::nullopt);
    data.cut.insert(static_cast<size_t>(&tokens - data.tokens.data()));
  }
}

absl::StatusOr<Cell> CellMaker::Make(const RunRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  RETURN_IF_ERROR(LoadModelAndTokenizer(request.model));
  ASSIGN_OR_RETURN(const TaskInfo* task, FindTask(request.task));
  Cell cell;
  cell.model = model_;
  cell.tokenizer = tokenizer_;
  ASSIGN_OR_RETURN(cell.data, PromptsOf(request));

  const int questions = MostQuestions(cell.data->prompts);
  const int max_new_tokens = request.max_new_tokens
                                 ? *request.max_new_tokens
                                 : NewTokens(*task, questions, request.semantics == "published", cell);
  ASSIGN_OR_RETURN(cell.method, ResolveMethod(request, *task, questions, max_new_tokens));
  RETURN_IF_ERROR(CheckFits(cell.data->prompts, cell.data->tokens, max_new_tokens, cell.model->config));

  if (!cell.data->cut.empty())
    cell.notes.push_back(
        fmt::format("{} of {} prompts were cut to their first and last half, as the published code does",
                    cell.data->cut.size(), cell.data->prompts.size()));
  cell.stop_tokens = StopTokens(*cell.model, *cell.tokenizer, cell.data->format);
  cell.engine.batch = request.batch;
  cell.engine.threads = request.threads > 0 ? request.threads : GetMachine().cores;
  cell.engine.precision = ToPrecision(request, cell.model->config);
  cell.engine.kv = ToKvType(request.kv, cell.engine.precision);
  cell.warm_up = request.timing;
  cell.run.config = ConfigOf(request, cell, questions);
  AddProvenance(cell, cell.run);
  cell.run.tokenizer_sha256 = tokenizer_sha256_;
  cell.run.command_line = command_line_;
  return cell;
}

}  // namespace kvscope
