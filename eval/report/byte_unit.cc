#include "eval/report/byte_unit.h"

#include <array>

#include "fmt/format.h"

namespace kvscope {

ByteUnit ByteUnitFor(double largest_bytes) {
  constexpr std::array<ByteUnit, 4> kUnits = {{{"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}, {"B", 1}}};
  for (const ByteUnit& unit : kUnits)
    if (largest_bytes >= unit.bytes) return unit;
  return kUnits.back();
}

std::string BytesText(double bytes) {
  const ByteUnit unit = ByteUnitFor(bytes);
  return fmt::format("{:.{}f} {}", bytes / unit.bytes, unit.bytes == 1 ? 0 : 2, unit.name);
}

}  // namespace kvscope
