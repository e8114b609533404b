// A progress bar on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace kvscope {

// One line, redrawn in place. Shows nothing when stderr is not a terminal or the user asked for quiet. Not
// thread-safe: one thread updates it.
class ProgressBar {
 public:
  // `total` in units of the caller's choice; 0 when it is not known.
  ProgressBar(std::string label, uint64_t total, bool quiet);
  ~ProgressBar();  // clears the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `note` stands behind the bar, for example "sample 3/6, 120 tokens". Redraws ten times a second at most.
  void Update(uint64_t done, std::string_view note = {});
  // Prints a line above the bar, whether the bar is shown or not (not when quiet).
  void Log(std::string_view line);

 private:
  void Clear();

  const std::string label_;
  const uint64_t total_;
  const bool quiet_;
  const bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_{};
};

// The bar's line for a terminal of `columns`: "label [####      ]  40 % note", cut to fit.
std::string ProgressLine(std::string_view label, uint64_t done, uint64_t total, std::string_view note,
                         int columns);

}  // namespace kvscope
