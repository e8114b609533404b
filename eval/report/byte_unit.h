// A unit in which some numbers of bytes are easy to read.
#pragma once

#include <string>
#include <string_view>

namespace kvscope {

struct ByteUnit {
  std::string_view name;  // "MiB"
  double bytes = 1;
};

// The largest of B, KiB, MiB, GiB in which `largest_bytes` is at least 1.
ByteUnit ByteUnitFor(double largest_bytes);

// "1.34 MiB"
std::string BytesText(double bytes);

}  // namespace kvscope
