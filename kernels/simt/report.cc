#include "kernels/simt/report.h"

#include <cstdio>
#include <cstdlib>

#include "kernels/simt/block.h"

namespace kvscope::simt {

std::string Describe(const std::source_location& where) {
  return fmt::format("{}:{}", where.file_name(), where.line());
}

void FatalMessage(const std::string& message) {
  const std::string place = CurrentPlace();
  fmt::print(stderr, "simt: {}{}{}\n", message, place.empty() ? "" : ", in ", place);
  std::fflush(stderr);
  std::abort();
}

}  // namespace kvscope::simt
