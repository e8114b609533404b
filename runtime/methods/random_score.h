// Numbers for the random controls: the same on every machine, in every order of calls.
#pragma once

#include <cstdint>

namespace kvscope {

// In [0, 1), from a seed and the place of a cache entry.
float RandomScore(uint64_t seed, int layer, int head, int position);

}  // namespace kvscope
