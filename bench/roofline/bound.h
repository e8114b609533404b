// The least time that a GPU can take, from its bandwidth and its arithmetic: nothing faster is possible, and
// nothing says that a program gets there.
#pragma once

#include <cstdint>
#include <span>

#include "bench/roofline/cache_lengths.h"
#include "bench/roofline/hardware.h"
#include "bench/roofline/pass_work.h"

namespace kvscope::roofline {

// Least bytes and operations: weights and cached entries once, whatever the kernels are.
struct LeastWork {
  uint64_t bytes = 0;
  double flops = 0;
};

LeastWork LeastDecodeWork(const Pass& pass, const Method& method, size_t batch, double slots);
LeastWork LeastPrefillWork(const Pass& pass, size_t prompt);

double BoundSeconds(const LeastWork& work, const Gpu& gpu, Precision precision);

// The same for the kernels that there are: each waits for its bytes or its arithmetic, one after another,
// with nothing of one left in caches for the next.
double KernelSeconds(std::span<const Launches> launches, const Gpu& gpu, Precision precision);

// Of one sequence's cache at its longest.
uint64_t CacheBytes(const Pass& pass, const Method& method, const CacheLengths& lengths);

// Sequences whose caches fit beside the weights, if nothing else were in memory.
uint64_t LargestBatch(const Pass& pass, uint64_t cache_bytes, const Gpu& gpu);

}  // namespace kvscope::roofline
