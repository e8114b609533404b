// Decode attention in float32, each head's softmax as a whole.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/attention.h"
#include "runtime/cpu/decode_attention.h"

namespace kvscope {

class ExactDecodeAttention : public DecodeAttention {
 public:
  ExactDecodeAttention(size_t head_dim, ThreadPool& pool);

  void Run(std::span<DecodeHead> heads, const Done& done) override;
  void Probabilities(size_t head, size_t first_query, size_t queries, GroupScore how, size_t first,
                     float* scores) const override;
  const float* KeyProducts(size_t head) const override { return key_products_[head]; }
  size_t scratch_bytes() const override;

 private:
  // Heads [first, first + count), which share their pages, so that these are read from memory once for all of
  // them.
  struct Turn {
    size_t first;
    size_t count;
  };

  void ListTurns();
  void Attend(const Turn& turn, int thread);

  size_t head_dim_;
  ThreadPool& pool_;
  std::vector<AlignedVector<float>> buffers_;      // by thread: probabilities of a turn's heads
  std::vector<std::vector<AttentionArgs>> tiles_;  // by thread
  // Of the call in progress.
  std::span<DecodeHead> heads_;
  std::vector<Turn> turns_;            // the longest first
  std::vector<float*> probabilities_;  // by head: [group, PaddedSlots(size)]
  std::vector<float*> key_products_;   // by head: [PaddedSlots(size)], where a direction is given
};

}  // namespace kvscope
