// How many tokens of prompt or cache a benchmark goes up to.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace kvscope {

// The environment's KVSCOPE_BENCH_DEPTH, or `usual`. Anything but a positive number ends the program.
inline int BenchDepth(int usual) {
  const char* const text = std::getenv("KVSCOPE_BENCH_DEPTH");
  if (text == nullptr) return usual;
  const std::string_view digits = text;
  int depth = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), depth);
  if (error == std::errc() && end == digits.end() && depth > 0) return depth;
  std::fprintf(stderr, "KVSCOPE_BENCH_DEPTH: expected a positive number, found '%s'\n", text);
  std::exit(2);
}

}  // namespace kvscope
