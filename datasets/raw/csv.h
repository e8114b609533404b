// Comma-separated values as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

// Records of fields. A quoted field may hold commas, line ends and doubled quotes; lines end in LF or CRLF. A
// quote inside a field that does not begin with one stands for itself. DataLoss, naming `name` and the line,
// for a quoted field that does not end or that something follows.
absl::StatusOr<std::vector<std::vector<std::string>>> ParseCsv(std::string_view text, std::string_view name);

}  // namespace kvscope
