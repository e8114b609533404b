// Rotary embedding of a step's queries and keys, and the keys' and values' way into the cache, in one launch.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/kv_page.h"

namespace kvscope {

// One row to be cached. A KV head may have several: published semantics cache it for each query head.
struct CacheWrite {
  std::byte* slot;   // address of the slot (kernels/cuda/kv_layout.h); null: nothing is done
  unsigned token;    // whose key and value
  unsigned kv_head;  // of it
};

// All pointers are of device memory.
template <class T>
struct RopeCacheParams {
  const T* q;                // [tokens, heads, head_dim]
  const T* k;                // [tokens, kv_heads, head_dim]
  const T* v;                // [tokens, kv_heads, head_dim]
  const int* positions;      // [tokens], each below what the tables hold
  const float* cosine;       // [positions, head_dim / 2]
  const float* sine;         // likewise
  float* rotated_q;          // out: [tokens, heads, head_dim]; may be q
  const CacheWrite* writes;  // [writes]; no slot twice
  size_t write_count;
  unsigned tokens;
  unsigned heads;
  unsigned kv_heads;
  unsigned head_dim;  // 8 times a power of two
  KvType kv_type;
};

// rotated_q = rotated q; of each write, the slot gets rotated k and v, rounded to nearest even. Pair (i, i +
// head_dim / 2) turns by the table's angle i (Su et al. 2021; the pairing of Hugging Face's rotate_half;
// twin: RotateHead of kernels/cpu/elementwise.h). k and v are left as they are. T is float or __nv_bfloat16.
// cudaErrorInvalidValue when parameters are not as described; nothing is launched then.
template <class T>
[[nodiscard]] cudaError_t RopeCacheOnDevice(const RopeCacheParams<T>& params, cudaStream_t stream);

}  // namespace kvscope
