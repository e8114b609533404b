// How fast this machine's CPU is, measured with the runtime's own kernels.
#pragma once

namespace kvscope {

struct CpuSpeed {
  double flops_per_s = 0;  // of the fast path's product of a prefill chunk with int8 weights
  double bytes_per_s = 0;  // of reading memory that is in no cache, all threads together
};

// Takes about a second: the median of a few runs of each. REQUIRES: threads >= 1.
CpuSpeed MeasureCpuSpeed(int threads);

}  // namespace kvscope
