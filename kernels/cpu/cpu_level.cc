#include "kernels/cpu/cpu_level.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kvscope {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"portable", "avx2", "avx512vnni", "avx512bf16", "amx"};

#if defined(__x86_64__) && defined(__linux__)
// Bits as in Intel's Software Developer's Manual, volume 2, CPUID, and volume 1, chapter 13 (XCR0).
constexpr uint32_t Bits(std::initializer_list<int> positions) {
  uint32_t bits = 0;
  for (const int position : positions) bits |= uint32_t{1} << position;
  return bits;
}
constexpr uint32_t kLeaf1Ecx = Bits({12, 27, 28, 29});            // FMA, OSXSAVE, AVX, F16C
constexpr uint32_t kLeaf7EbxAvx2 = Bits({5});                     // AVX2
constexpr uint32_t kLeaf7EbxAvx512 = Bits({16, 17, 30, 31});      // F, DQ, BW, VL
constexpr uint32_t kLeaf7EcxVnni = Bits({11});                    // AVX512_VNNI
constexpr uint32_t kLeaf7Sub1EaxBf16 = Bits({5});                 // AVX512_BF16
constexpr uint32_t kLeaf7EdxAmx = Bits({22, 24, 25});             // AMX-BF16, AMX-TILE, AMX-INT8
constexpr uint32_t kXcr0Avx = Bits({1, 2});                       // SSE, AVX state
constexpr uint32_t kXcr0Avx512 = kXcr0Avx | Bits({5, 6, 7});      // opmask, ZMM
constexpr uint32_t kXcr0Amx = kXcr0Avx512 | Bits({17, 18});       // tile configuration, tile data
constexpr int kArchReqXcompPerm = 0x1023, kTileDataFeature = 18;  // Linux, Documentation/x86/xstate.rst

constexpr bool Has(uint32_t found, uint32_t wanted) { return (found & wanted) == wanted; }

uint32_t Xcr0() {
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

CpuLevel Detect() {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || !Has(ecx, kLeaf1Ecx)) return CpuLevel::kPortable;
  const uint32_t state = Xcr0();
  uint32_t sub1_eax = 0, unused[3];
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return CpuLevel::kPortable;
  if (eax >= 1) __get_cpuid_count(7, 1, &sub1_eax, &unused[0], &unused[1], &unused[2]);
  if (!Has(ebx, kLeaf7EbxAvx2) || !Has(state, kXcr0Avx)) return CpuLevel::kPortable;
  if (!Has(ebx, kLeaf7EbxAvx512) || !Has(ecx, kLeaf7EcxVnni) || !Has(state, kXcr0Avx512))
    return CpuLevel::kAvx2;
  if (!Has(sub1_eax, kLeaf7Sub1EaxBf16)) return CpuLevel::kAvx512Vnni;
  if (!Has(edx, kLeaf7EdxAmx) || !Has(state, kXcr0Amx)) return CpuLevel::kAvx512Bf16;
  // Tiles are 8 KiB of state a thread, which Linux saves for those processes only that ask for it.
  if (syscall(SYS_arch_prctl, kArchReqXcompPerm, kTileDataFeature) != 0) return CpuLevel::kAvx512Bf16;
  return CpuLevel::kAmx;
}
#else
CpuLevel Detect() { return CpuLevel::kPortable; }
#endif

CpuLevel FromEnvironment() {
  const char* name = std::getenv("KVSCOPE_CPU_LEVEL");
  return ParseCpuLevel(name == nullptr ? "" : name).value_or(DetectedLevel());
}

constexpr int kNotSet = -1;
std::atomic<int> scoped_level{kNotSet};

}  // namespace

std::string_view Name(CpuLevel level) { return kNames[static_cast<size_t>(level)]; }

std::optional<CpuLevel> ParseCpuLevel(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<CpuLevel>(found - kNames.begin());
}

CpuLevel DetectedLevel() {
  static const CpuLevel level = Detect();
  return level;
}

CpuLevel CurrentLevel() {
  static const CpuLevel from_environment = std::min(DetectedLevel(), FromEnvironment());
  const int scoped = scoped_level.load(std::memory_order_relaxed);
  return scoped == kNotSet ? from_environment : static_cast<CpuLevel>(scoped);
}

std::vector<CpuLevel> UsableLevels() {
  std::vector<CpuLevel> levels;
  for (int level = 0; level <= static_cast<int>(DetectedLevel()); ++level)
    levels.push_back(static_cast<CpuLevel>(level));
  return levels;
}

ScopedCpuLevel::ScopedCpuLevel(CpuLevel level) {
  scoped_level.store(static_cast<int>(std::min(level, DetectedLevel())), std::memory_order_relaxed);
}

ScopedCpuLevel::~ScopedCpuLevel() { scoped_level.store(kNotSet, std::memory_order_relaxed); }

}  // namespace kvscope
