// The kernels of a decode step and of a prefill, as runtime/cuda launches them.
#pragma once

#include <vector>

#include "bench/roofline/kernel_work.h"
#include "bench/roofline/model_shape.h"
#include "kernels/precision.h"
#include "runtime/methods/method.h"

namespace kvscope::roofline {

struct Launches {
  KernelWork work;  // of one
  size_t count = 0;
};

struct Pass {
  ModelShape model;
  KvType kv = KvType::kF16;
  Precision precision = Precision::kF32;
};

// One token of each of `batch` rows, whose heads hold `slots` entries each and share none.
std::vector<Launches> DecodeStepWork(const Pass& pass, const Method& method, size_t batch, size_t slots);

// One prompt, and the logits of its last token.
std::vector<Launches> PrefillWork(const Pass& pass, const Method& method, size_t prompt);

}  // namespace kvscope::roofline
