// Random numbers with the same bits on every machine and compiler, which the standard library's distributions
// do not promise.
#pragma once

#include <cstdint>

namespace kvscope {

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 14.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t state) : state_(state) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Uniform over [low, high] without bias: draws in the incomplete last block of the range are rejected.
  // REQUIRES: low <= high.
  int Between(int low, int high) {
    const uint64_t range = static_cast<uint64_t>(int64_t{high} - low) + 1;
    const uint64_t incomplete = (UINT64_MAX % range + 1) % range;
    uint64_t draw = Next();
    while (draw > UINT64_MAX - incomplete) draw = Next();
    return static_cast<int>(low + static_cast<int64_t>(draw % range));
  }

  // True with the given probability; 0 is never, 1 is always.
  bool Chance(double probability) { return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability; }

 private:
  uint64_t state_;
};

}  // namespace kvscope
