// Shares of one budget over the layers of a model, larger in the lower ones (PyramidKV, section 4.2).
#pragma once

namespace kvscope {

// Entries of layer `layer` where layers average `average`: from 2 * average - average / divisor in the first
// layer down to average / divisor in the last, in equal steps. No layer gets more than `most`; the last then
// gets what keeps the average. The last of n layers lies n - 1 steps below the first.
int PyramidShare(int average, int divisor, int most, int layer, int layers);

// The same as the published code computes it: n layers make n steps, cut to whole entries, so the last layer
// lies one step above its share and the total is not met.
int PublishedPyramidShare(int average, int divisor, int most, int layer, int layers);

}  // namespace kvscope
