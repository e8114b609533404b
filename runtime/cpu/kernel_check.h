// Whether the kernels that this machine dispatches to compute what plain loops do: a wrong compiler, a broken
// machine or a wrong dispatch shows here before it shows in a table.
#pragma once

#include <string>
#include <vector>

namespace kvscope {

struct KernelCheck {
  std::string name;    // "matmul q4_1"
  double error = 0;    // the largest found, in the unit of the check
  double allowed = 0;  // what rounding may come to

  bool Passed() const { return error <= allowed; }  // false for NaN
};

struct KernelReport {
  std::string target;  // instruction sets that this machine dispatches to: Highway's target, CpuLevel
  std::vector<KernelCheck> checks;
};

// Every kernel and element type on random data against kernels/cpu/reference.h; well below a second.
KernelReport CheckKernels(int threads);

}  // namespace kvscope
