#include "kernels/cpu/targets.h"

#include "hwy/highway.h"

namespace kvscope {

int64_t CompiledTargets() { return HWY_TARGETS; }

std::string DispatchedTarget() {
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(usable & -usable);  // Highway numbers better targets lower
}

}  // namespace kvscope
