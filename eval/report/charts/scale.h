// From values to places on a picture.
#pragma once

#include <string>
#include <vector>

namespace kvscope {

class LinearScale {
 public:
  // Values [low, high] go to coordinates [begin, end]; end < begin turns the axis over. REQUIRES: low < high.
  LinearScale(double low, double high, double begin, double end)
      : low_(low), high_(high), begin_(begin), end_(end) {}

  double operator()(double value) const { return begin_ + (value - low_) / (high_ - low_) * (end_ - begin_); }
  // The same, of the value or the nearest end of the scale.
  double Clamped(double value) const;

  double low() const { return low_; }
  double high() const { return high_; }
  double begin() const { return begin_; }
  double end() const { return end_; }

 private:
  double low_, high_, begin_, end_;
};

// Marks of an axis: 1, 2 or 5 times a power of ten apart.
struct Ticks {
  std::vector<double> values;       // rising; the first and the last enclose what was asked for
  std::vector<std::string> labels;  // with as many decimals as the step needs
};

// About `count` ticks that enclose [low, high]. REQUIRES: low <= high, high - low is finite, count >= 2.
Ticks NiceTicks(double low, double high, int count);

}  // namespace kvscope
