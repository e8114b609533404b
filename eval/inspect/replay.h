// Greedy decoding of the full cache, step by step, with other methods fed the same tokens beside it: what the
// inspections look at.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/backend.h"

namespace kvscope {

class Replay {
 public:
  // Row 0 keeps the full cache; row i runs methods[i - 1]. `prompt`: token ids.
  static absl::StatusOr<std::unique_ptr<Replay>> Start(Backend& backend, size_t vocab,
                                                       std::span<const int> prompt,
                                                       std::span<const Method> methods);

  // Feeds every row the full cache's most likely next token. OutOfRange when the full cache's logits are not
  // finite.
  absl::Status Step();

  int steps() const { return steps_; }
  // Logits of a row after the last step: [vocab].
  std::span<const float> logits(size_t row) const { return std::span(logits_).subspan(row * vocab_, vocab_); }
  // The token that the last step fed.
  int token() const { return token_; }
  size_t rows() const { return sequences_.size(); }
  const BackendSequence& sequence(size_t row) const { return *sequences_[row]; }

 private:
  Replay(Backend& backend, size_t vocab) : backend_(backend), vocab_(vocab) {}

  Backend& backend_;
  size_t vocab_;
  std::vector<std::unique_ptr<BackendSequence>> sequences_;
  std::vector<float> logits_;  // [rows, vocab]
  int token_ = -1;
  int steps_ = 0;
};

}  // namespace kvscope
