#include <algorithm>

#include "eval/sweep/forecast.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

std::string Duration(double seconds) {
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

std::string ToText(std::span<const CellForecast> forecasts, const DeviceFigures& device) {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  std::string text;
  size_t width = 4;
  for (const CellForecast& cell : forecasts) width = std::max(width, cell.cell.size());
  text +=
      fmt::format("{:<{}}  prompts  prompt tokens  new tokens at most  KV MiB at most  prefill     decode\n",
                  "cell", width);
  double total_s = 0;
  bool estimated = false;
  for (const CellForecast& cell : forecasts) {
    if (!cell.status.ok()) {
      text += fmt::format("{:<{}}  cannot run: {}\n", cell.cell, width, std::string(cell.status.message()));
      continue;
    }
    text += fmt::format(
        "{:<{}}  {:>7}  {:>13}  {:>18}  {:>14.1f}  {:<10}  {:<10}\n", cell.cell, width, cell.prompts,
        fmt::format("{}{}", cell.tokens_estimated ? "~" : "", cell.prompt_tokens), cell.new_tokens,
        static_cast<double>(cell.kv_bytes) / kMebibyte, Duration(cell.prefill_s), Duration(cell.decode_s));
    total_s += cell.prefill_s + cell.decode_s;
    estimated |= cell.tokens_estimated;
  }
  text += fmt::format("{} cells, each alone: {} on {} ({})\n", forecasts.size(), Duration(total_s),
                      device.name, device.source);
  text += fmt::format(
      "Times are the device's bounds over assumed efficiencies (prefill {}, decode {}), every answer as long "
      "as "
      "it may be; cells that share prompts and are not timed take less together.\n",
      device.prefill_efficiency, device.decode_efficiency);
  if (estimated) text += fmt::format("~ estimated: the model's tokenizer is not on this machine.\n");
  return text;
}

}  // namespace kvscope
