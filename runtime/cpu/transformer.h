// The parts of a Llama block that prefill and decode share: projections, norms and feed-forward over rows of
// tokens. One implementation a Precision.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "kernels/cpu/packed_matmul.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/precision.h"
#include "runtime/cpu/activations.h"
#include "runtime/cpu/rope_table.h"
#include "runtime/model/model.h"

namespace kvscope {

class Transformer {
 public:
  virtual ~Transformer() = default;

  const Model& model() const { return *model_; }
  const ModelConfig& config() const { return model_->config; }
  virtual Precision precision() const = 0;
  ThreadPool& pool() { return pool_; }
  RopeTable& rope() { return rope_; }

  // Rows of a prompt that one call of Project or Finish is best given: enough for their products to be worth
  // reading the weights, few enough for the activations to stay in the second-level cache.
  virtual size_t prefill_rows() const = 0;

  // x rows [0, tokens.size()) = embeddings.
  virtual void Embed(std::span<const int> tokens, Activations& x) = 0;

  // Queries, keys and values of rows [first, first + n) of x for one layer, rotated by their positions.
  // q: [.., heads * head_dim], k, v: [.., kv_heads * head_dim], written at the same row numbers.
  // `positions`: [n].
  virtual void Project(Pass pass, size_t layer, const Activations& x, size_t first,
                       std::span<const int> positions, Activations& q, Activations& k, Activations& v) = 0;

  // x += o_proj(attention), then x += ffn(norm(x)), for rows [first, first + n).
  virtual void Finish(Pass pass, size_t layer, const Activations& attention, size_t first, size_t n,
                      Activations& x) = 0;

  // logits of row r of x: [vocab] each, rows [first, first + n).
  virtual void Logits(const Activations& x, size_t first, size_t n, float* logits) = 0;

  size_t scratch_bytes() const { return own_scratch_bytes() + rope_.bytes(); }

 protected:
  Transformer(std::shared_ptr<const Model> model, int threads)
      : model_(std::move(model)), pool_(threads), rope_(model_->config) {}

  virtual size_t own_scratch_bytes() const = 0;

  // body(i) for i < n, by all threads where that is worth waking them.
  template <typename Body>
  void ForRows(size_t n, const Body& body) {
    constexpr size_t kRowsForOneThread = 4;
    const auto rows = [&](size_t from, size_t end, int) {
      for (size_t i = from; i < end; ++i) body(i);
    };
    if (n <= kRowsForOneThread) {
      rows(0, n, 0);
    } else {
      pool_.ParallelRanges(n, rows);
    }
  }

  // Rotates rows [first, first + positions.size()) of q and k.
  void Rotate(std::span<const int> positions, size_t first, Activations& q, Activations& k);

 private:
  std::shared_ptr<const Model> model_;
  ThreadPool pool_;
  RopeTable rope_;
};

std::unique_ptr<Transformer> MakeTransformer(std::shared_ptr<const Model> model, Precision precision,
                                             int threads);

}  // namespace kvscope
