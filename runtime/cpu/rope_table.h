// Cosines and sines of the rotary embedding by position, computed once.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/model/model_config.h"

namespace kvscope {

class RopeTable {
 public:
  explicit RopeTable(const ModelConfig& config);

  // Makes positions [0, positions) available. Not to be called while others read.
  void Reserve(size_t positions);

  // [head_dim / 2] each. REQUIRES: position below what was reserved.
  const float* cosine(size_t position) const { return &cosines_[position * frequencies_.size()]; }
  const float* sine(size_t position) const { return &sines_[position * frequencies_.size()]; }

  size_t bytes() const { return (cosines_.size() + sines_.size()) * sizeof(float); }

 private:
  std::vector<float> frequencies_;
  std::vector<float> cosines_;  // [positions, head_dim / 2]
  std::vector<float> sines_;    // likewise
};

}  // namespace kvscope
