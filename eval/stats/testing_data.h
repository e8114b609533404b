// Published data that several tests use.
#pragma once

#include <array>
#include <vector>

namespace kvscope {

// Darwin's crossed minus self-fertilized Zea mays, eighths of an inch, 15 pairs (Fisher, "The Design of
// Experiments", 1935, section 17). Mean 20.933, t 2.148; 1726 of the 32768 sign assignments are as extreme.
inline constexpr std::array kDarwinPairs = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};

inline std::vector<double> DarwinPairs() { return {kDarwinPairs.begin(), kDarwinPairs.end()}; }

}  // namespace kvscope
