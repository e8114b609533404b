// One cell of a table, made ready: everything that `run` checks and loads before the first token.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/builders.h"
#include "datasets/fetch.h"
#include "datasets/prompt.h"
#include "eval/run/run_request.h"
#include "kernels/kv_page.h"
#include "results/run_record.h"
#include "runtime/engine/engine.h"
#include "runtime/methods/method.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/chat_template.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {

// Prompts as one model is given them.
struct TokenizedPrompts {
  std::vector<Prompt> prompts;
  std::vector<std::vector<int>> tokens;  // of each prompt
  std::set<size_t> cut;                  // those that the published code's limit on their length made shorter
  Manifest manifest;
  PromptTemplate format;
};

struct Cell {
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const TokenizedPrompts> data;
  std::vector<int> stop_tokens;
  Method method;
  EngineOptions engine;
  bool warm_up = false;  // before the first sample, for --timing
  RunRecord run;         // configuration and provenance; status and counts are the store's
  std::vector<std::string>
      notes;  // values set or cut that would be silent otherwise: for stderr, run.json, reports
};

// What the request's prompts are built from; its token counter is the caller's to set.
BuildRequest ToBuildRequest(const RunRequest& request, const TaskInfo& task);

// The request's method with all its numbers. `questions`: of the largest prompt. MakeMethod's errors.
absl::StatusOr<Method> ResolveMethod(const RunRequest& request, const TaskInfo& task, int questions,
                                     int max_new_tokens);

// Of the flags, "auto" among their values. Device code has float32 only.
Precision ToPrecision(const RunRequest& request, const ModelConfig& model);
KvType ToKvType(const std::string& name, Precision precision);
Semantics ToSemantics(const std::string& name);

// Of the prompt that has most.
int MostQuestions(const std::vector<Prompt>& prompts);

// Makes cells one after the other. Those of one model share it, and those of one set of prompts these.
class CellMaker {
 public:
  // REQUIRES: `fetcher` outlives this.
  CellMaker(const Fetcher& fetcher, std::vector<std::string> command_line)
      : fetcher_(fetcher), command_line_(std::move(command_line)) {}

  // The errors of CheckRequest, of loading the model and of building the prompts; InvalidArgument when a
  // prompt does not fit the model.
  absl::StatusOr<Cell> Make(const RunRequest& request);

 private:
  absl::Status LoadModelAndTokenizer(const std::string& name);
  absl::StatusOr<std::shared_ptr<const TokenizedPrompts>> PromptsOf(const RunRequest& request);
  void CutLongPrompts(TokenizedPrompts& data) const;

  const Fetcher& fetcher_;
  const std::vector<std::string> command_line_;
  std::string model_name_;  // of what follows; one model at a time is kept
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string tokenizer_sha256_;
  std::map<std::string, std::shared_ptr<const TokenizedPrompts>> prompts_;
};

}  // namespace kvscope
