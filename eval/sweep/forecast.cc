#include "eval/sweep/forecast.h"

#include <algorithm>
#include <memory>

#include "datasets/builders.h"
#include "eval/run/cell.h"
#include "eval/run/run_defaults.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "runtime/engine/cache_need.h"

namespace kvscope {
namespace {

constexpr size_t kCharactersPerToken = 4;

// A model as far as memory and time depend on it.
struct Shape {
  ModelConfig config;
  double parameters = 0;
  double weight_bytes = 0;
};

struct Subject {
  Shape shape;
  std::vector<size_t> prompt_tokens;  // of each prompt
  bool tokens_estimated = false;
  Method method;
  KvType kv = KvType::kF32;
};

Subject SubjectOf(const Cell& cell) {
  const WeightCount weights = CountWeights(*cell.model);
  Subject subject;
  subject.shape = {cell.model->config, static_cast<double>(weights.parameters),
                   static_cast<double>(weights.bytes)};
  for (const std::vector<int>& tokens : cell.data->tokens) subject.prompt_tokens.push_back(tokens.size());
  subject.method = cell.method;
  subject.kv = cell.engine.kv;
  return subject;
}

absl::StatusOr<Shape> ShapeOf(const std::string& model, const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(const CatalogEntry* entry, fetcher.catalog().Find(model));
  if (!entry->shape)
    return absl::NotFoundError(fmt::format("{}: the catalog does not have the model's shape", model));
  const ModelShape& known = *entry->shape;
  Shape shape;
  shape.config.layers = known.layers;
  shape.config.hidden = known.hidden;
  shape.config.heads = known.heads;
  shape.config.kv_heads = known.kv_heads;
  shape.config.head_dim = known.head_dim;
  shape.parameters = static_cast<double>(known.parameters);
  shape.weight_bytes = static_cast<double>(known.weight_bytes);
  return shape;
}

// Without weights and tokenizer.
absl::StatusOr<Subject> SubjectFromCatalog(const RunRequest& request, const Fetcher& fetcher) {
  Subject subject;
  subject.tokens_estimated = true;
  ASSIGN_OR_RETURN(subject.shape, ShapeOf(request.model, fetcher));
  ASSIGN_OR_RETURN(const TaskInfo* task, FindTask(request.task));
  ASSIGN_OR_RETURN(const PromptSet set, BuildPrompts(ToBuildRequest(request, *task), fetcher));
  for (const Prompt& prompt : set.prompts)
    subject.prompt_tokens.push_back((prompt.system.size() + prompt.text.size()) / kCharactersPerToken + 1);
  const int questions = MostQuestions(set.prompts);
  const int max_new_tokens = request.max_new_tokens.value_or(
      DefaultMaxNewTokens(*task, questions, request.semantics == "published"));
  ASSIGN_OR_RETURN(subject.method, ResolveMethod(request, *task, questions, max_new_tokens));
  subject.kv = ToKvType(request.kv, ToPrecision(request, subject.shape.config));
  return subject;
}

CellForecast ForecastOf(const Subject& subject, const DeviceFigures& device) {
  const ModelConfig& config = subject.shape.config;
  const double flops_per_s = device.flops_per_s * device.prefill_efficiency;
  const double bytes_per_s = device.bytes_per_s * device.decode_efficiency;
  const double flops_per_pair = 4.0 * config.layers * config.heads * config.head_dim;  // query x key, twice
  const int new_tokens = subject.method.budgets.max_new;
  CellForecast forecast;
  forecast.tokens_estimated = subject.tokens_estimated;
  forecast.prompts = subject.prompt_tokens.size();
  for (const size_t tokens : subject.prompt_tokens) {
    const SequenceRequest request{
        .prompt = std::vector<int>(tokens), .method = subject.method, .max_new_tokens = new_tokens};
    const size_t kv_bytes = BytesTogether(CacheNeeds({&request, 1}, config, subject.kv));
    const auto p = static_cast<double>(tokens);
    const double pairs = p * (p + 1) / 2;
    forecast.prompt_tokens += tokens;
    forecast.new_tokens += static_cast<size_t>(new_tokens);
    forecast.kv_bytes = std::max(forecast.kv_bytes, kv_bytes);
    forecast.prefill_s += (2 * subject.shape.parameters * p + flops_per_pair * pairs) / flops_per_s;
    forecast.decode_s +=
        new_tokens * (subject.shape.weight_bytes + static_cast<double>(kv_bytes)) / bytes_per_s;
  }
  return forecast;
}

absl::StatusOr<Subject> Prepare(RunRequest request, CellMaker& maker, const Fetcher& fetcher) {
  request.device = "cpu";  // of the machine that forecasts, which need not have the plan's
  const absl::StatusOr<Cell> cell = maker.Make(request);
  if (cell.ok()) return SubjectOf(*cell);
  if (cell.status().code() != absl::StatusCode::kNotFound) return cell.status();
  const absl::StatusOr<Subject> subject = SubjectFromCatalog(request, fetcher);
  return subject.ok() ? subject : cell.status();
}

}  // namespace

std::vector<CellForecast> Forecast(std::span<const PlannedCell> cells, const Fetcher& fetcher,
                                   const DeviceFigures& device) {
  CellMaker maker(fetcher, {});
  std::vector<CellForecast> forecasts;
  for (const PlannedCell& cell : cells) {
    const absl::StatusOr<Subject> subject = Prepare(cell.request, maker, fetcher);
    forecasts.push_back(subject.ok() ? ForecastOf(*subject, device) : CellForecast{});
    forecasts.back().cell = cell.name;
    forecasts.back().status = subject.status();
  }
  return forecasts;
}

nlohmann::json ToJson(const CellForecast& forecast) {
  if (!forecast.status.ok())
    return {{"cell", forecast.cell}, {"error", std::string(forecast.status.message())}};
  return {{"cell", forecast.cell},
          {"tokens_estimated", forecast.tokens_estimated},
          {"prompts", forecast.prompts},
          {"prompt_tokens", forecast.prompt_tokens},
          {"new_tokens", forecast.new_tokens},
          {"kv_bytes", forecast.kv_bytes},
          {"prefill_s", forecast.prefill_s},
          {"decode_s", forecast.decode_s},
          {"total_s", forecast.prefill_s + forecast.decode_s}};
}

}  // namespace kvscope
