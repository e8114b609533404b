// Decode attention of the fast path: heads in chunks that threads share out.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/fast_decode.h"
#include "runtime/cpu/decode_attention.h"

namespace kvscope {

class FastDecodeAttention : public DecodeAttention {
 public:
  FastDecodeAttention(size_t head_dim, ThreadPool& pool) : head_dim_(head_dim), pool_(pool) {}

  void Run(std::span<DecodeHead> heads, const Done& done) override;
  void Probabilities(size_t head, size_t first_query, size_t queries, GroupScore how, size_t first,
                     float* scores) const override;
  const float* KeyProducts(size_t head) const override { return work_[head].key_products; }
  size_t scratch_bytes() const override;

 private:
  struct Unit {
    size_t head;
    size_t chunk;
  };
  // What a head's chunks share.
  struct Work {
    size_t first_tile;
    size_t tiles;
    int chunks_left;  // counted down by the threads
    float* key_products;
  };

  void ListUnits();
  void MakeTiles();
  // Attends to one chunk; whoever finishes a head's last merges them.
  void RunUnit(const Unit& unit, const Done& done, int thread);

  size_t head_dim_;
  ThreadPool& pool_;
  // Of the call in progress.
  std::span<DecodeHead> heads_;
  std::vector<Unit> units_;  // in the order of memory
  std::vector<Work> work_;   // [heads]
  std::vector<DecodeTile> tiles_;
  std::vector<SoftmaxSums> totals_;  // [tiles]
  std::vector<SoftmaxSums> sums_;    // of all tiles' chunks
  AlignedVector<float> floats_;      // what tiles write to
};

}  // namespace kvscope
