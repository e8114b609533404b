// Instruction sets of the fast path's kernels, and which of them run.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kvscope {

// Each has what those before it have.
enum class CpuLevel : uint8_t {
  kPortable,    // plain C++
  kAvx2,        // AVX2, FMA, F16C
  kAvx512Vnni,  // AVX-512 F, BW, DQ, VL, VNNI
  kAvx512Bf16,
  kAmx,  // AMX tiles of bfloat16 and int8
};

// "portable", "avx2", "avx512vnni", "avx512bf16", "amx".
std::string_view Name(CpuLevel level);
std::optional<CpuLevel> ParseCpuLevel(std::string_view name);

// The highest that processor and operating system allow.
CpuLevel DetectedLevel();

// The one in use: that of a ScopedCpuLevel, else that of the environment variable KVSCOPE_CPU_LEVEL, never
// above the detected one; without either, and where the variable names no level, the detected one.
CpuLevel CurrentLevel();

// From kPortable to the detected one.
std::vector<CpuLevel> UsableLevels();

// Sets the level in use for as long as it lives, for tests and measurements. Weights packed and threads
// started under one level go on under another. Not to be nested, nor made while kernels run.
class ScopedCpuLevel {
 public:
  explicit ScopedCpuLevel(CpuLevel level);
  ~ScopedCpuLevel();
  ScopedCpuLevel(const ScopedCpuLevel&) = delete;
  ScopedCpuLevel& operator=(const ScopedCpuLevel&) = delete;
};

}  // namespace kvscope
