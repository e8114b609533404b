#include "eval/run/sample_request.h"

#include <algorithm>

namespace kvscope {

SequenceRequest MakeRequest(const Cell& cell, size_t prompt) {
  SequenceRequest request;
  request.prompt = cell.data->tokens[prompt];
  request.method = cell.method;
  request.max_new_tokens = cell.method.budgets.max_new;
  request.stop_ids = cell.stop_tokens;
  return request;
}

std::shared_ptr<PublishedCounters> SharedCounters(const Method& method) {
  if (method.semantics != Semantics::kPublished || !method.decode->window_grows) return nullptr;
  return std::make_shared<PublishedCounters>();
}

absl::Status WarmUp(const Cell& cell, Engine& engine, const std::function<bool()>& cancelled) {
  constexpr int kTokens = 16;
  SequenceRequest request = MakeRequest(cell, 0);
  request.max_new_tokens = std::min(request.max_new_tokens, kTokens);
  EngineCallbacks callbacks;
  callbacks.cancelled = cancelled;
  return engine.Generate({request}, callbacks);
}

}  // namespace kvscope
