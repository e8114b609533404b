#include "eval/scorers/published_patterns.h"

#include <algorithm>

#include "eval/scorers/unicode.h"

namespace kvscope {
namespace {

constexpr std::string_view kGoldMark = "####";
constexpr std::string_view kHeader = "Answer_";
constexpr std::string_view kNumberMark = "answer is ";
constexpr std::string_view kLetterMark = "answer is (";

size_t SkipDigits(std::string_view text, size_t at) {
  while (const size_t bytes = PythonDigitBytes(text, at)) at += bytes;
  return at;
}

size_t SkipSpaces(std::string_view text, size_t at) {
  while (const size_t bytes = PythonSpaceBytes(text, at)) at += bytes;
  return at;
}

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

// The first "Answer_\d+:" at or after `from`.
std::optional<Span> FindHeader(std::string_view text, size_t from) {
  for (;;) {
    const size_t begin = text.find(kHeader, from);
    if (begin == std::string_view::npos) return std::nullopt;
    const size_t digits = begin + kHeader.size();
    const size_t colon = SkipDigits(text, digits);
    if (colon > digits && colon < text.size() && text[colon] == ':') return Span{begin, colon + 1};
    from = colon;
  }
}

}  // namespace

std::optional<PatternMatch> FindPublishedGold(std::string_view text) {
  for (size_t from = 0;; ++from) {
    from = text.find(kGoldMark, from);
    if (from == std::string_view::npos) return std::nullopt;
    const size_t begin = SkipSpaces(text, from + kGoldMark.size());
    const size_t end = SkipDigits(text, begin);
    if (end > begin) return PatternMatch{from, begin, end};
  }
}

std::vector<PatternMatch> FindPublishedNumbers(std::string_view text) {
  std::vector<PatternMatch> matches;
  for (size_t from = 0;;) {
    const std::optional<Span> header = FindHeader(text, from);
    if (!header) return matches;
    // The lazy part crosses lines and other headers, so it ends at the first mark before a digit. Where there
    // is none, no later header has one either.
    size_t mark = text.find(kNumberMark, header->end);
    while (mark != std::string_view::npos && PythonDigitBytes(text, mark + kNumberMark.size()) == 0)
      mark = text.find(kNumberMark, mark + 1);
    if (mark == std::string_view::npos) return matches;
    const size_t begin = mark + kNumberMark.size();
    from = SkipDigits(text, begin);
    matches.push_back({header->begin, begin, from});
  }
}

std::vector<PatternMatch> FindPublishedLetters(std::string_view text) {
  std::vector<PatternMatch> matches;
  size_t barren_end = 0;  // no header before this byte has its mark and bracket on its line
  for (size_t from = 0;;) {
    const std::optional<Span> header = FindHeader(text, from);
    if (!header) return matches;
    from = header->end;
    // White space may hold line ends, the lazy part not: all the rest is on the line where the text begins.
    const size_t begin = SkipSpaces(text, header->end);
    if (begin < barren_end) continue;
    const size_t line_end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(0, line_end);
    const size_t mark = line.find(kLetterMark, begin);
    const size_t bracket = mark == std::string_view::npos ? mark : line.find(')', mark + kLetterMark.size());
    if (bracket == std::string_view::npos) {
      barren_end = line_end;
      continue;
    }
    matches.push_back({header->begin, mark + kLetterMark.size(), bracket});
    from = bracket + 1;
  }
}

}  // namespace kvscope
