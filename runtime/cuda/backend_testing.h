// Backends side by side, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <vector>

#include "kernels/cpu/elementwise.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model.h"

namespace kvscope {

// Sequences that start from one prompt and go on greedily, side by side.
class Generation {
 public:
  Generation(Backend& backend, const Model& model, const std::vector<Method>& methods,
             const std::vector<int>& prompt)
      : backend_(backend), vocab_(model.config.vocab), counters_(methods.size()) {
    PrefillRequest request{.prompt = prompt};
    for (size_t i = 0; i < methods.size(); ++i) request.rows.push_back({methods[i], &counters_[i]});
    std::vector<float> logits(vocab_);
    auto prefilled = backend.Prefill(request, logits);
    EXPECT_TRUE(prefilled.ok()) << prefilled.status();
    for (auto& row : *prefilled) {
      EXPECT_TRUE(row.ok()) << row.status();
      rows_.push_back(*std::move(row));
      tokens_.push_back({ArgMaxFinite(logits)});
    }
  }

  void Step() {
    const absl::Status status = TryStep();
    ASSERT_TRUE(status.ok()) << status;
  }

  // Throws what the backend throws.
  absl::Status TryStep() {
    std::vector<BackendSequence*> sequences;
    std::vector<int> next;
    for (size_t i = 0; i < rows_.size(); ++i) {
      sequences.push_back(rows_[i].get());
      next.push_back(tokens_[i].back());
    }
    logits_.resize(rows_.size() * vocab_);
    const absl::Status status = backend_.Decode(sequences, next, logits_);
    if (!status.ok()) return status;
    for (size_t i = 0; i < rows_.size(); ++i) tokens_[i].push_back(ArgMaxFinite(logits(i)));
    return status;
  }

  const std::vector<std::vector<int>>& tokens() const { return tokens_; }  // [rows]
  const BackendSequence& row(size_t i) const { return *rows_[i]; }
  std::vector<float> logits(size_t i) const {  // [vocab], of the last step
    const auto begin = logits_.begin() + static_cast<std::ptrdiff_t>(i * vocab_);
    return {begin, begin + static_cast<std::ptrdiff_t>(vocab_)};
  }

 private:
  Backend& backend_;
  size_t vocab_;
  std::vector<PublishedCounters> counters_;
  std::vector<std::unique_ptr<BackendSequence>> rows_;
  std::vector<std::vector<int>> tokens_;
  std::vector<float> logits_;  // [rows, vocab]
};

inline void ExpectSame(const Generation& found, const Generation& expected,
                       const std::vector<Method>& methods, const ModelConfig& config) {
  for (size_t i = 0; i < methods.size(); ++i) {
    SCOPED_TRACE(methods[i].Name() + (methods[i].semantics == Semantics::kPublished ? ", published" : ""));
    EXPECT_EQ(found.tokens()[i], expected.tokens()[i]);
    EXPECT_EQ(found.row(i).kv(), expected.row(i).kv());
    const size_t heads = methods[i].CachesQueryHeads() ? config.heads : config.kv_heads;
    for (int layer = 0; layer < static_cast<int>(config.layers); ++layer) {
      for (int head = 0; head < static_cast<int>(heads); ++head) {
        EXPECT_EQ(found.row(i).Rows(layer, head), expected.row(i).Rows(layer, head)) << layer << ", " << head;
      }
    }
  }
}

}  // namespace kvscope
