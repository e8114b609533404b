#include "bench/roofline/hardware.h"

#include "embedded/roofline_gpus.h"
#include "nlohmann/json.hpp"

namespace kvscope::roofline {

std::vector<Gpu> Gpus() {
  std::vector<Gpu> gpus;
  const nlohmann::json file = nlohmann::json::parse(embedded::roofline_gpus());  // compiled in: tests read it
  for (const nlohmann::json& gpu : file.at("gpus")) {
    gpus.push_back({.name = gpu.at("name"),
                    .title = gpu.at("title"),
                    .memory_bytes = gpu.at("memory_bytes"),
                    .l2_bytes = gpu.at("l2_bytes"),
                    .memory_bytes_per_s = gpu.at("memory_bytes_per_s"),
                    .bf16_flops_per_s = gpu.at("bf16_flops_per_s"),
                    .f32_flops_per_s = gpu.at("f32_flops_per_s"),
                    .sources = gpu.at("sources")});
  }
  return gpus;
}

}  // namespace kvscope::roofline
