#include "eval/inspect/replay.h"

#include "kernels/cpu/elementwise.h"
#include "results/base/status_macros.h"

namespace kvscope {

absl::StatusOr<std::unique_ptr<Replay>> Replay::Start(Backend& backend, size_t vocab,
                                                      std::span<const int> prompt,
                                                      std::span<const Method> methods) {
  ASSIGN_OR_RETURN(const Method full, MakeMethod("full", Semantics::kClean, {}));
  std::vector<Method> rows = {full};
  rows.insert(rows.end(), methods.begin(), methods.end());
  std::unique_ptr<Replay> replay(new Replay(backend, vocab));
  replay->logits_.resize(rows.size() * vocab);
  for (size_t row = 0; row < rows.size(); ++row) {
    PrefillRequest request;
    request.prompt = prompt;
    request.method = rows[row];
    ASSIGN_OR_RETURN(std::unique_ptr<BackendSequence> sequence,
                     backend.Prefill(request, std::span(replay->logits_).subspan(row * vocab, vocab)));
    replay->sequences_.push_back(std::move(sequence));
  }
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
