// A confidence interval.
#pragma once

namespace kvscope {

struct Interval {
  double low = 0;
  double high = 0;
};

}  // namespace kvscope
