#include "kernels/cuda/select.h"

#include <climits>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 256;
constexpr unsigned kWarps = kThreads / 32;
constexpr unsigned kDigits = 256;  // of 8 bits
static_assert(kDigits == kThreads);

// Larger keys stay: by score, then by lower rank. All candidates' keys differ, and none is kNone.
using Key = unsigned long long;
constexpr Key kNone = 0;

__device__ __forceinline__ Key KeyOf(const SelectItem& item, unsigned slot) {
  const int rank = item.ranks == nullptr ? static_cast<int>(slot) : item.ranks[slot];
  if (rank < item.first_rank || rank >= item.end_rank) return kNone;
  const unsigned bits = __float_as_uint(item.scores[slot] + 0.0f);  // + 0: -0 becomes 0
  const unsigned ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<Key>(ordered) << 32 | (0xffffffffu - static_cast<unsigned>(rank));
}

// A block's search for the smallest key that stays, digit by digit from the highest.
struct Search {
  Key prefix;     // of that key: the digits found so far, then zeros
  unsigned need;  // how many of the keys with this prefix stay
  bool found;     // all of them: the digits below do not matter
};

// Narrows the search by the digit at `shift`. `counts`: of the digits of keys with the prefix. One warp calls it; a lane
// looks at the 8 digits from 255 - 8 * lane down.
__device__ __forceinline__ void Narrow(const unsigned* counts, unsigned shift, Search& search) {
  const unsigned lane = threadIdx.x;
  unsigned own = 0;
#pragma unroll
  for (unsigned i = 0; i < 8; ++i) own += counts[255 - 8 * lane - i];
  unsigned above = own;  // of this lane's digits and those above
#pragma unroll
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    const unsigned other = __shfl_up_sync(0xffffffffu, above, distance);
    if (lane >= distance) above += other;
  }
  const unsigned need = search.need;
  __syncwarp();
  if (above < need || above - own >= need) return;
  unsigned left = need - (above - own);
  for (unsigned digit = 255 - 8 * lane;; --digit) {
    if (counts[digit] >= left) {
      search.prefix |= static_cast<Key>(digit) << shift;
      search.need = left;
      search.found = counts[digit] == left;
      return;
    }
    left -= counts[digit];
  }
}

// The smallest key that stays where `keep` of more candidates do. REQUIRES: all threads call it, 0 < keep.
__device__ __forceinline__ Key SmallestThatStays(const SelectItem& item, unsigned* counts, Search& search) {
  if (threadIdx.x == 0) search = {0, item.keep, false};
  for (int shift = 56; shift >= 0; shift -= 8) {
    counts[threadIdx.x] = 0;
    __syncthreads();
    const Key prefix = search.prefix;
    for (unsigned slot = threadIdx.x; slot < item.slots; slot += kThreads) {
      const Key key = KeyOf(item, slot);
      const bool has_prefix = shift == 56 || key >> (shift + 8) == prefix >> (shift + 8);
      if (key != kNone && has_prefix) atomicAdd(&counts[key >> shift & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) Narrow(counts, static_cast<unsigned>(shift), search);
    __syncthreads();
    if (search.found) break;
  }
  return search.prefix;
}

// A block for each item.
__global__ void __launch_bounds__(kThreads) SelectKernel(const SelectItem* items) {
  KVSCOPE_SHARED(unsigned, counts, kDigits);
  KVSCOPE_SHARED(Search, search, 1);
  KVSCOPE_SHARED(unsigned, listed_by_warp, kWarps);
  const SelectItem item = items[blockIdx.x];
  if (item.slots == 0) return;
  unsigned candidates = 0;
  for (unsigned first = 0; first < item.slots; first += kThreads) {
    const unsigned slot = first + threadIdx.x;
    candidates += static_cast<unsigned>(__syncthreads_count(slot < item.slots && KeyOf(item, slot) != kNone));
  }
  Key smallest = ~kNone;  // keep none
  if (item.keep >= candidates) {
    smallest = 1;  // keep all
  } else if (item.keep > 0) {
    smallest = SmallestThatStays(item, counts, search[0]);
  }

  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  unsigned before = 0;  // listed of the slots before `first`
  for (unsigned first = 0; first < item.slots; first += kThreads) {
    const unsigned slot = first + threadIdx.x;
    const Key key = slot < item.slots ? KeyOf(item, slot) : kNone;
    const bool listed = key != kNone && (key >= smallest) != item.list_evicted;
    const unsigned lanes = __ballot_sync(0xffffffffu, listed);
    if (lane == 0) listed_by_warp[warp] = static_cast<unsigned>(__popc(lanes));
    __syncthreads();
    unsigned place = before + static_cast<unsigned>(__popc(lanes & ((1u << lane) - 1)));
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < warp) place += listed_by_warp[w];
      before += listed_by_warp[w];
    }
    if (listed) item.listed[place] = slot;
    __syncthreads();  // the counts have been read
  }
  if (threadIdx.x == 0) *item.count = before;
}

__device__ __forceinline__ Key WarpMinKey(Key key) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) key = min(key, __shfl_xor_sync(0xffffffffu, key, distance));
  return key;
}

// A block for each item.
__global__ void __launch_bounds__(kThreads) WorstSlotsKernel(const SelectItem* items, int* worst) {
  KVSCOPE_SHARED(Key, keys, kWarps);
  const SelectItem item = items[blockIdx.x];
  Key lowest = ~kNone;
  int lowest_slot = -1;
  for (unsigned slot = threadIdx.x; slot < item.slots; slot += kThreads) {
    const Key key = KeyOf(item, slot);
    if (key == kNone || key >= lowest) continue;
    lowest = key;
    lowest_slot = static_cast<int>(slot);
  }
  const Key of_warp = WarpMinKey(lowest);
  if (threadIdx.x % 32 == 0) keys[threadIdx.x / 32] = of_warp;
  __syncthreads();
  Key of_block = keys[0];
  for (unsigned w = 1; w < kWarps; ++w) of_block = min(of_block, keys[w]);
  if (of_block == ~kNone) {
    if (threadIdx.x == 0) worst[blockIdx.x] = -1;
  } else if (lowest == of_block) {
    worst[blockIdx.x] = lowest_slot;  // keys differ: one thread
  }
}

// A block for each row.
__global__ void __launch_bounds__(kThreads) MaxPoolKernel(const float* in, unsigned columns, unsigned reach, float* out) {
  const float* row = in + static_cast<size_t>(blockIdx.x) * columns;
  for (unsigned i = threadIdx.x; i < columns; i += kThreads) {
    const unsigned first = i < reach ? 0 : i - reach, last = min(i + reach, columns - 1);
    float largest = row[first];
    for (unsigned j = first + 1; j <= last; ++j) largest = fmaxf(largest, row[j]);
    out[static_cast<size_t>(blockIdx.x) * columns + i] = largest;
  }
}

}  // namespace

cudaError_t SelectOnDevice(const SelectItem* items, size_t item_count, cudaStream_t stream) {
  if (item_count == 0) return cudaSuccess;
  if (items == nullptr || item_count > INT_MAX) return cudaErrorInvalidValue;
  return Launch<SelectKernel>(dim3(static_cast<unsigned>(item_count)), dim3(kThreads), 0, stream, items);
}

cudaError_t WorstSlotsOnDevice(const SelectItem* items, size_t item_count, int* worst, cudaStream_t stream) {
  if (item_count == 0) return cudaSuccess;
  if (items == nullptr || worst == nullptr || item_count > INT_MAX) return cudaErrorInvalidValue;
  return Launch<WorstSlotsKernel>(dim3(static_cast<unsigned>(item_count)), dim3(kThreads), 0, stream, items, worst);
}

cudaError_t MaxPoolOnDevice(const float* in, size_t rows, size_t columns, unsigned kernel, float* out,
                            cudaStream_t stream) {
  if (rows == 0 || columns == 0) return cudaSuccess;
  if (in == nullptr || out == nullptr || in == out || kernel % 2 == 0 || rows > INT_MAX || columns > INT_MAX) {
    return cudaErrorInvalidValue;
  }
  return Launch<MaxPoolKernel>(dim3(static_cast<unsigned>(rows)), dim3(kThreads), 0, stream, in,
                               static_cast<unsigned>(columns), kernel / 2, out);
}

}  // namespace kvscope
