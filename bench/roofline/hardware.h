// GPUs by their documents: gpus.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/precision.h"

namespace kvscope::roofline {

struct Gpu {
  std::string name;
  std::string title;
  uint64_t memory_bytes = 0;
  uint64_t l2_bytes = 0;
  double memory_bytes_per_s = 0;
  double bf16_flops_per_s = 0;  // tensor cores, dense
  double f32_flops_per_s = 0;
  std::vector<std::string> sources;

  double FlopsPerSecond(Precision precision) const {
    return precision == Precision::kBF16 ? bf16_flops_per_s : f32_flops_per_s;
  }
};

std::vector<Gpu> Gpus();

}  // namespace kvscope::roofline
