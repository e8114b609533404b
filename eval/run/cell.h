// One cell of a table, made ready: everything that `run` checks and loads before the first token.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/fetch.h"
#include "datasets/prompt.h"
#include "eval/run/run_request.h"
#include "results/run_record.h"
#include "runtime/engine/engine.h"
#include "runtime/methods/method.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {

struct Cell {
  std::shared_ptr<const Model> model;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::vector<Prompt> prompts;
  std::vector<std::vector<int>> tokens;  // of each prompt
  std::vector<int> stop_tokens;
  Method method;
  EngineOptions engine;
  bool warm_up = false;            // before the first sample, for --timing
  RunRecord run;                   // configuration and provenance; status and counts are the store's
  std::vector<std::string> notes;  // values that were set or cut silently otherwise, for stderr
};

// The errors of CheckRequest, of loading the model and of building the prompts; InvalidArgument when a prompt
// does not fit the model.
absl::StatusOr<Cell> PrepareCell(const RunRequest& request, const Fetcher& fetcher,
                                 std::vector<std::string> command_line);

}  // namespace kvscope
