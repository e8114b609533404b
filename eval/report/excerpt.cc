#include "eval/report/excerpt.h"

namespace kvscope {

std::string Excerpt(std::string_view text, size_t max_bytes) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  std::string line;
  for (const char c : text) {
    if (kBlanks.find(c) == std::string_view::npos)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  if (line.size() <= max_bytes) return line;
  size_t end = max_bytes;
  while (end > 0 && (line[end] & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

}  // namespace kvscope
