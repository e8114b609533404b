// Exact selection by score on a device: which entries of a cache stay. The twins are kernels/select.h and
// runtime/cache/eviction.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// The entries of one cached head that are to be chosen among: slots whose rank lies in [first_rank,
// end_rank). Pointers are of device memory.
struct SelectItem {
  const float* scores;  // [slots]; no NaN
  const int*
      ranks;  // [slots], all different: each entry's place in the order of arrival; null: slot s has rank s
  unsigned slots;  // 0: nothing is listed, nor counted
  int first_rank;  // at least 0
  int end_rank;
  unsigned keep;      // candidates that stay
  bool list_evicted;  // what to list: those that go, or those that stay
  unsigned* listed;   // out: slots, ascending; room for as many as there may be
  unsigned* count;    // out: how many were listed
};

// The `keep` candidates with the highest scores stay; of equal scores (0 and -0 are equal) the lower rank.
// All of them where there are no more. items: [item_count], in device memory. cudaErrorInvalidValue: a null
// pointer, item_count above INT_MAX; what is in device memory is not checked.
[[nodiscard]] cudaError_t SelectOnDevice(const SelectItem* items, size_t item_count, cudaStream_t stream);

// The usual decode step: worst[i] = of items[i] the candidate that goes first, the one with the lowest score,
// and of equal scores the one with the highest rank; -1 where there is none. `keep` and what follows it are
// not looked at. Reads each score once. Errors as above.
[[nodiscard]] cudaError_t WorstSlotsOnDevice(const SelectItem* items, size_t item_count, int* worst,
                                             cudaStream_t stream);

// out[r][i] = max of in[r][i - kernel / 2 .. i + kernel / 2] inside the row. in, out: [rows, columns] in
// device memory; not the same. cudaErrorInvalidValue: a null pointer, an even kernel, rows or columns above
// INT_MAX.
[[nodiscard]] cudaError_t MaxPoolOnDevice(const float* in, size_t rows, size_t columns, unsigned kernel,
                                          float* out, cudaStream_t stream);

}  // namespace kvscope
