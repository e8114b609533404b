#include "runtime/cpu/rope_table.h"

#include <cmath>

namespace kvscope {

RopeTable::RopeTable(const ModelConfig& config) : frequencies_(RopeFrequencies(config)) {}

void RopeTable::Reserve(size_t positions) {
  for (size_t p = cosines_.size() / frequencies_.size(); p < positions; ++p) {
    for (float frequency : frequencies_) {
      const float angle = static_cast<float>(p) * frequency;  // in float, as Hugging Face's models compute it
      cosines_.push_back(std::cos(angle));
      sines_.push_back(std::sin(angle));
    }
  }
}

}  // namespace kvscope
