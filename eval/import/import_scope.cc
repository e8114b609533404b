#include "eval/import/import_scope.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "datasets/manifest.h"
#include "eval/import/scope_path.h"
#include "eval/import/scope_records.h"
#include "eval/score/prompt_file.h"
#include "eval/scorers/clean.h"
#include "fmt/format.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "results/build_info.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

// Largest number of new tokens of the published runs: K == 30 has 4096, and so CSQA+ at 4K has not.
constexpr int kMaxNewTokens = 4096;
constexpr int kMaxNewTokensLong = 7950;
constexpr int kObservationWindow = 8;

RunConfig ConfigOf(const ScopeCell& cell, const ScopePredictions& predictions,
                   const std::string& source_sha256) {
  RunConfig config;
  config.model = cell.model;
  config.task = cell.task;
  config.length = predictions.length;
  config.questions = predictions.questions;
  config.method = cell.decode == "none" ? cell.prefill : fmt::format("{}+{}", cell.prefill, cell.decode);
  if (cell.prefill != "full") {
    config.prefill_budget = cell.prefill_budget;
    config.observation_window = cell.prefill == "streamingllm" ? cell.prefill_budget / 2 : kObservationWindow;
  }
  if (cell.decode != "none") {
    config.window = cell.window;
    config.recent = cell.recent;
  }
  config.cached_heads = "query";
  config.max_new_tokens = predictions.questions == 30 ? kMaxNewTokens : kMaxNewTokensLong;
  config.semantics = "published";
  config.precision = config.kv = "f16";
  config.device = "cuda";
  config.mode = "accuracy";
  config.prompt_template = "published-llama3";
  config.source = "scope:" + source_sha256;
  return config;
}

std::string FolderName(const RunConfig& config) {
  std::string name = fmt::format("{}_{}_{}", config.task, config.length, config.method);
  if (config.prefill_budget) name += fmt::format("_C{}", *config.prefill_budget);
  if (config.window) name += fmt::format("_W{}_R{}", *config.window, *config.recent);
  return name;
}

SampleRecord RecordOf(const ScopePrediction& prediction) {
  SampleRecord record;
  record.sample = prediction.prompt.sample;
  record.prompt_sha256 = prediction.prompt.Hash();
  record.text = prediction.text;
  for (const QuestionScore& question : ScoreClean(prediction.prompt, prediction.text).questions)
    if (!question.answer.empty()) record.answers[question.number] = question.answer;
  return record;
}

absl::StatusOr<ImportedRun> ImportFile(const std::string& path, const std::string& out_folder) {
  ASSIGN_OR_RETURN(const ScopeCell cell, ParseScopePath(path));
  ASSIGN_OR_RETURN(const ScopePredictions predictions, ReadScopePredictions(path, cell.task));
  ASSIGN_OR_RETURN(const std::string source_sha256, Sha256OfFile(path));
  std::vector<Prompt> prompts;
  std::vector<std::string> samples;
  for (const ScopePrediction& prediction : predictions.predictions) {
    prompts.push_back(prediction.prompt);
    samples.push_back(prediction.prompt.sample);
  }
  RunRecord run;
  run.config = ConfigOf(cell, predictions, source_sha256);
  run.data_sha256 = DataSha256(prompts);
  run.data = {{"source", path}, {"source_sha256", source_sha256}};
  run.build = ToJson(GetBuildInfo());
  const std::string folder = fmt::format("{}/{}", out_folder, FolderName(run.config));
  ASSIGN_OR_RETURN(const auto store, RunStore::Open(folder, run, samples, PromptFileContent(prompts)));
  for (const ScopePrediction& prediction : predictions.predictions)
    if (!store->Has(prediction.prompt.sample)) RETURN_IF_ERROR(store->Append(RecordOf(prediction)));
  if (store->run().status != RunStatus::kComplete)
    RETURN_IF_ERROR(store->SetStatus(RunStatus::kComplete, "", 0));
  return ImportedRun{path, folder, samples.size()};
}

}  // namespace

absl::StatusOr<std::vector<ImportedRun>> ImportScope(const std::string& folder,
                                                     const std::string& out_folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error))
    if (entry->is_regular_file(error) && entry->path().extension() == ".json") files.push_back(entry->path());
  if (files.empty()) return absl::NotFoundError(fmt::format("{}: no prediction files here or below", folder));
  std::ranges::sort(files);
  std::vector<ImportedRun> runs;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(ImportedRun run, ImportFile(file, out_folder));
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace kvscope
