#include "runtime/methods/random_score.h"

#include <initializer_list>

namespace kvscope {
namespace {

// SplitMix64 (Steele et al. 2014, figure 15).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

float RandomScore(uint64_t seed, int layer, int head, int position) {
  uint64_t x = Mix(seed);
  for (int part : {layer, head, position}) x = Mix(x ^ static_cast<uint64_t>(part));
  return static_cast<float>(x >> 40) * 0x1p-24f;
}

}  // namespace kvscope
