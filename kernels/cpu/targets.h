// Which vector instruction sets the kernels are compiled for. The best one the machine has is chosen at run
// time.
#pragma once

#include <cstdint>
#include <string>

namespace kvscope {

// Bits of Highway's HWY_TARGETS.
int64_t CompiledTargets();

// Name of the one in use, as in "AVX3_DL".
std::string DispatchedTarget();

}  // namespace kvscope
