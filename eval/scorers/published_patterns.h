// The three regular expressions of the published scorer as scanners that read a text once: a regex engine
// needs quadratic time, or runs out of stack, on outputs that repeat themselves. Each finds exactly what
// Python's `re` finds.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace kvscope {

// One match; the captured group is text[begin, end).
struct PatternMatch {
  size_t match_begin = 0;
  size_t begin = 0;
  size_t end = 0;

  bool operator==(const PatternMatch&) const = default;
};

// re.search(r"####\s*(\d+)", text)
std::optional<PatternMatch> FindPublishedGold(std::string_view text);

// re.finditer(r"Answer_\d+:\s*.*?answer is (\d+)", text, re.DOTALL)
std::vector<PatternMatch> FindPublishedNumbers(std::string_view text);

// re.finditer(r"Answer_\d+:\s*.*?answer is \((.*?)\)", text)
std::vector<PatternMatch> FindPublishedLetters(std::string_view text);

}  // namespace kvscope
