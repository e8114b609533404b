#include "eval/inspect/replay.h"

#include <algorithm>
#include <utility>

#include "kernels/cpu/elementwise.h"
#include "results/base/status_macros.h"

namespace kvscope {

absl::StatusOr<std::unique_ptr<Replay>> Replay::Start(Backend& backend, size_t vocab,
                                                      std::span<const int> prompt,
                                                      std::span<const Method> methods) {
  ASSIGN_OR_RETURN(const Method full, MakeMethod("full", Semantics::kClean, {}));
  PrefillRequest request;
  request.prompt = prompt;
  request.rows.push_back({full});
  for (const Method& method : methods) request.rows.push_back({method});
  std::unique_ptr<Replay> replay(new Replay(backend, vocab));
  replay->logits_.resize(vocab);
  ASSIGN_OR_RETURN(PrefillResult rows, backend.Prefill(request, replay->logits_));
  for (absl::StatusOr<std::unique_ptr<BackendSequence>>& row : rows) {
    RETURN_IF_ERROR(row.status());
    replay->sequences_.push_back(*std::move(row));
  }
  // All rows start from the same logits.
  replay->logits_.resize(rows.size() * vocab);
  for (size_t row = 1; row < rows.size(); ++row)
    std::copy_n(replay->logits_.begin(), vocab,
                replay->logits_.begin() + static_cast<std::ptrdiff_t>(row * vocab));
  return replay;
}

absl::Status Replay::Step() {
  token_ = ArgMaxFinite(logits(0));
  if (token_ < 0) return absl::OutOfRangeError("the full cache's logits are not finite");
  std::vector<BackendSequence*> sequences;
  for (const auto& sequence : sequences_) sequences.push_back(sequence.get());
  const std::vector<int> tokens(sequences.size(), token_);
  RETURN_IF_ERROR(backend_.Decode(sequences, tokens, logits_));
  ++steps_;
  return absl::OkStatus();
}

}  // namespace kvscope
