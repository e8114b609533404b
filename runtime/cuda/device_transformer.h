// The parts of a Llama block that prefill and decode share, on a device: the twin of
// runtime/cpu/transformer.h. With Precision::kF32 products have the CPU's bits; with kBF16 they are products
// of bfloat16 on tensor cores, and all between them stays float.
#pragma once

#include <cuda_bf16.h>

#include <initializer_list>
#include <span>

#include "kernels/cuda/dense_matmul.h"
#include "kernels/precision.h"
#include "runtime/cpu/rope_table.h"
#include "runtime/cuda/device_model.h"
#include "runtime/cuda/device_pages.h"

namespace kvscope {

class DeviceTransformer {
 public:
  // All arguments outlive this.
  DeviceTransformer(const DeviceModel& model, Precision precision, DevicePages& pages, DeviceLedger& ledger,
                    cudaStream_t stream);

  const ModelConfig& config() const { return model_.config(); }
  Precision precision() const { return precision_; }
  cudaStream_t stream() const { return stream_; }
  DevicePages& pages() { return pages_; }

  // A decode step's tokens are of different sequences, and no result may depend on how many there are.
  // Prefill's are of one; in bf16 NVIDIA's library may multiply them (kernels/cuda/dense_matmul.h).
  enum class Phase { kPrefill, kDecode };

  // Makes room for `tokens` tokens at positions below `positions`, on which the next calls work. REQUIRES:
  // the device is done with those before.
  absl::Status Reserve(Phase phase, size_t tokens, size_t positions);

  // How often Reserve has moved arrays that the calls below use: what was captured of them is void then.
  size_t moves() const { return moves_; }

  // Embeddings of the tokens. `ids`, `positions`: [tokens], in device memory, to be left alone until
  // FillCaches of the last layer.
  absl::Status Embed(const int* ids, const int* positions);

  // Queries, keys and values of one layer, not rotated.
  absl::Status Project(size_t layer);

  // Addresses of token t's row in a KV head, for HeadCache::Append.
  const float* key(size_t t, size_t kv_head) const { return k_.data() + Row(t, kv_head); }
  const float* value(size_t t, size_t kv_head) const { return v_.data() + Row(t, kv_head); }

  // Rotated keys and values into their slots. Leaves rotated queries in q(). `writes`: in device memory.
  absl::Status FillCaches(const CacheWrite* writes, size_t count);

  const float* q() const { return q_.data(); }  // [tokens, heads, head_dim]
  float* attention() {
    return attention_.data();
  }  // [tokens, heads, head_dim]: to be written between FillCaches and Finish

  // x += o_proj(attention), then x += ffn(norm(x)).
  absl::Status Finish(size_t layer);

  // Of tokens [first, first + n). `logits`: [n, vocab], in device memory, out.
  absl::Status Logits(size_t first, size_t n, float* logits);

 private:
  size_t Row(size_t t, size_t kv_head) const { return (t * config().kv_heads + kv_head) * config().head_dim; }
  absl::Status ReserveRope(size_t positions);
  absl::Status Norm(const float* weight, size_t first, size_t n);

  struct Product {
    const WeightMatrix& w;
    float* y;  // [tokens, w.rows], out
  };
  // Of the same activations.
  absl::Status MatMul(const float* x, size_t tokens, std::initializer_list<Product> products);
  absl::Status RoundedMatMul(const WeightMatrix& w, size_t tokens, float* y);

  const DeviceModel& model_;
  const Precision precision_;
  DevicePages& pages_;
  cudaStream_t stream_;
  RopeTable rope_;
  size_t rope_positions_ = 0;  // that the device has
  size_t tokens_ = 0;
  size_t moves_ = 0;
  const int* positions_ = nullptr;              // [tokens]
  DeviceBuffer<float> cosine_, sine_;           // [rope_positions_, head_dim / 2]
  DeviceBuffer<float> x_, normed_, projected_;  // [tokens, hidden]
  DeviceBuffer<float> q_, attention_;           // [tokens, heads, head_dim]
  DeviceBuffer<float> k_, v_;                   // [tokens, kv_heads, head_dim]
  DeviceBuffer<float> gate_, up_;               // [tokens, ffn]
  DeviceBuffer<__nv_bfloat16> rounded_;         // activations of a product, where precision_ is kBF16
  Phase phase_ = Phase::kPrefill;
  DenseMatMul dense_;
  DeviceBuffer<std::byte> workspace_;  // of dense_
};

}  // namespace kvscope
