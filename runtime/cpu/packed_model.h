// A model's weights as the fast path reads them.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/thread_pool.h"
#include "runtime/model/model.h"

namespace kvscope {

struct PackedLayer {
  PackedMatrix q, k, v, o, gate, up, down;
};

class PackedModel {
 public:
  // Repacks every matrix but an embedding that is not the head. Pages of the model's file are given back on
  // the way, so that little of the weights is in memory twice. `model` outlives this. Throws std::bad_alloc.
  PackedModel(const Model& model, ThreadPool& pool);

  const PackedLayer& layer(size_t l) const { return layers_[l]; }
  const PackedMatrix& head() const { return head_; }

  // A token's row of the embedding, [hidden].
  void Embed(size_t token, float* out) const;

 private:
  const Model& model_;
  HugeBuffer buffer_;
  std::vector<PackedLayer> layers_;
  PackedMatrix head_;
};

}  // namespace kvscope
