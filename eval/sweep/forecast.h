// What a sweep will take, told without running it: `sweep --dry-run`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/fetch.h"
#include "eval/plan/planned_cell.h"
#include "eval/sweep/device_figures.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct CellForecast {
  std::string cell;
  absl::Status status;            // why it cannot run; the rest is 0 then
  bool tokens_estimated = false;  // the tokenizer is not here: four characters a token
  size_t prompts = 0;
  size_t prompt_tokens = 0;  // of all prompts
  size_t new_tokens = 0;     // at most, of all prompts
  size_t kv_bytes = 0;       // of the largest prompt's cache, at most, in whole pages
  double prefill_s = 0;      // alone, all prompts
  double decode_s = 0;       // likewise, every sample as long as it may be
};

// For each cell run alone, one sample at a time. Times are bounds of `device` (2 flops a weight and token,
// attention's products, weights and cache read once a step) divided by its efficiencies. A model that is not
// on this machine is forecast from the shape that the catalog has of it.
std::vector<CellForecast> Forecast(std::span<const PlannedCell> cells, const Fetcher& fetcher,
                                   const DeviceFigures& device);

// {cell, error or the fields above, total_s}
nlohmann::json ToJson(const CellForecast& forecast);

// A table for a terminal, and what it supposes.
std::string ToText(std::span<const CellForecast> forecasts, const DeviceFigures& device);

}  // namespace kvscope
