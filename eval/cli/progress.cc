#include "eval/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval(100);
constexpr int kBarCells = 24;
constexpr int kDefaultColumns = 80;

int TerminalColumns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultColumns;
  return size.ws_col;
}

}  // namespace

std::string ProgressLine(std::string_view label, uint64_t done, uint64_t total, std::string_view note,
                         int columns) {
  std::string line(label);
  if (total > 0) {
    const double fraction = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    const int filled = static_cast<int>(fraction * kBarCells);
    line += fmt::format(" [{:#>{}}{: >{}}] {:3.0f} %", "", filled, "", kBarCells - filled, 100 * fraction);
  }
  if (!note.empty()) line += fmt::format(" {}", note);
  // The last column stays free: some terminals wrap when it is written.
  line.resize(std::min(line.size(), static_cast<size_t>(std::max(columns - 1, 0))));
  return line;
}

ProgressBar::ProgressBar(std::string label, uint64_t total, bool quiet)
    : label_(std::move(label)),
      total_(total),
      quiet_(quiet),
      shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Update(uint64_t done, std::string_view note) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_draw_ && done < total_) return;
  next_draw_ = now + kRedrawInterval;
  fmt::print(stderr, "\r{}\033[K", ProgressLine(label_, done, total_, note, TerminalColumns()));
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::Log(std::string_view line) {
  if (quiet_) return;
  Clear();
  fmt::print(stderr, "{}\n", line);
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace kvscope
