#include "runtime/cuda/device_transformer.h"

#include <algorithm>

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/rmsnorm.h"
#include "kernels/cuda/rope_cache.h"
#include "kernels/cuda/tensor_matmul.h"

namespace kvscope {

DeviceTransformer::DeviceTransformer(const DeviceModel& model, Precision precision, DevicePages& pages,
                                     DeviceLedger& ledger, cudaStream_t stream)
    : model_(model),
      precision_(precision),
      pages_(pages),
      stream_(stream),
      rope_(model.config()),
      cosine_(ledger, DevicePurpose::kScratch),
      sine_(ledger, DevicePurpose::kScratch),
      x_(ledger, DevicePurpose::kScratch),
      normed_(ledger, DevicePurpose::kScratch),
      projected_(ledger, DevicePurpose::kScratch),
      q_(ledger, DevicePurpose::kScratch),
      attention_(ledger, DevicePurpose::kScratch),
      k_(ledger, DevicePurpose::kScratch),
      v_(ledger, DevicePurpose::kScratch),
      gate_(ledger, DevicePurpose::kScratch),
      up_(ledger, DevicePurpose::kScratch),
      rounded_(ledger, DevicePurpose::kScratch),
      workspace_(ledger, DevicePurpose::kScratch) {}

// Grows by doubling: a step needs one position more than the last.
absl::Status DeviceTransformer::ReserveRope(size_t positions) {
  if (positions <= rope_positions_) return absl::OkStatus();
  const size_t wanted = std::max(positions, 2 * rope_positions_);
  rope_positions_ = 0;  // until both tables are there
  rope_.Reserve(wanted);
  ++moves_;
  const size_t floats = wanted * config().head_dim / 2;
  RETURN_IF_ERROR(cosine_.Upload({rope_.cosine(0), floats}, stream_));
  RETURN_IF_ERROR(sine_.Upload({rope_.sine(0), floats}, stream_));
  rope_positions_ = wanted;
  return absl::OkStatus();
}

absl::Status DeviceTransformer::Reserve(Phase phase, size_t tokens, size_t positions) {
  phase_ = phase;
  tokens_ = tokens;
  const ModelConfig& c = config();
  const auto resize = [&](DeviceBuffer<float>& buffer, size_t columns) {
    if (buffer.Resize(tokens * columns)) ++moves_;
  };
  for (DeviceBuffer<float>* buffer : {&x_, &normed_, &projected_}) resize(*buffer, c.hidden);
  for (DeviceBuffer<float>* buffer : {&q_, &attention_}) resize(*buffer, c.heads * c.head_dim);
  for (DeviceBuffer<float>* buffer : {&k_, &v_}) resize(*buffer, c.kv_heads * c.head_dim);
  for (DeviceBuffer<float>* buffer : {&gate_, &up_}) resize(*buffer, c.ffn);
  if (precision_ == Precision::kBF16) {
    const size_t columns = std::max({c.hidden, c.heads * c.head_dim, c.ffn});
    if (rounded_.Resize(tokens * columns)) ++moves_;
  }
  pages_.WritesFrom(k_.data(), static_cast<unsigned>(c.kv_heads));
  return ReserveRope(positions);
}

absl::Status DeviceTransformer::Embed(const int* ids, const int* positions) {
  positions_ = positions;
  RETURN_IF_CUDA_ERROR(EmbedOnDevice(model_.embedding(), ids, tokens_, x_.data(), stream_));
  return absl::OkStatus();
}

absl::Status DeviceTransformer::Norm(const float* weight, size_t first, size_t n) {
  const size_t offset = first * config().hidden;
  RETURN_IF_CUDA_ERROR(RmsNormOnDevice<float>(
      {x_.data() + offset, weight, normed_.data() + offset, n, config().hidden, config().rms_eps}, stream_));
  return absl::OkStatus();
}

absl::Status DeviceTransformer::MatMul(const float* x, size_t tokens,
                                       std::initializer_list<Product> products) {
  if (precision_ == Precision::kF32) {
    for (const auto& [w, y] : products) RETURN_IF_CUDA_ERROR(MatMulOnDevice(w, x, tokens, y, stream_));
    return absl::OkStatus();
  }
  RETURN_IF_CUDA_ERROR(RoundOnDevice(x, tokens * products.begin()->w.columns, rounded_.data(), stream_));
  for (const auto& [w, y] : products) RETURN_IF_ERROR(RoundedMatMul(w, tokens, y));
  return absl::OkStatus();
}

absl::Status DeviceTransformer::RoundedMatMul(const WeightMatrix& w, size_t tokens, float* y) {
  constexpr size_t kFewestForLibrary = 64;  // below it a product waits for weights, whoever multiplies
  if (phase_ == Phase::kPrefill && tokens >= kFewestForLibrary && DenseMatMul::Takes(w)) {
    workspace_.Resize(DenseMatMul::kWorkspaceBytes);
    RETURN_IF_CUDA_ERROR(dense_.Run(w, rounded_.data(), tokens, y, workspace_.data(), stream_));
  } else {
    RETURN_IF_CUDA_ERROR(TensorMatMulOnDevice(w, rounded_.data(), tokens, y, stream_));
  }
  return absl::OkStatus();
}

absl::Status DeviceTransformer::Project(size_t layer) {
  const DeviceModel::Layer& weights = model_.layer(layer);
  RETURN_IF_ERROR(Norm(weights.attention_norm, 0, tokens_));
  return MatMul(normed_.data(), tokens_,
                {{weights.q, q_.data()}, {weights.k, k_.data()}, {weights.v, v_.data()}});
}

absl::Status DeviceTransformer::FillCaches(const CacheWrite* writes, size_t count) {
  RETURN_IF_CUDA_ERROR(RopeCacheOnDevice<float>({.q = q_.data(),
                                                 .k = k_.data(),
                                                 .v = v_.data(),
                                                 .positions = positions_,
                                                 .cosine = cosine_.data(),
                                                 .sine = sine_.data(),
                                                 .rotated_q = q_.data(),
                                                 .writes = writes,
                                                 .write_count = count,
                                                 .tokens = static_cast<unsigned>(tokens_),
                                                 .heads = static_cast<unsigned>(config().heads),
                                                 .kv_heads = static_cast<unsigned>(config().kv_heads),
                                                 .head_dim = static_cast<unsigned>(config().head_dim),
                                                 .kv_type = pages_.type()},
                                                stream_));
  return absl::OkStatus();
}

absl::Status DeviceTransformer::Finish(size_t layer) {
  const DeviceModel::Layer& weights = model_.layer(layer);
  const size_t hidden = tokens_ * config().hidden;
  RETURN_IF_ERROR(MatMul(attention_.data(), tokens_, {{weights.o, projected_.data()}}));
  RETURN_IF_CUDA_ERROR(AddToOnDevice<float>(x_.data(), projected_.data(), hidden, stream_));
  RETURN_IF_ERROR(Norm(weights.ffn_norm, 0, tokens_));
  RETURN_IF_ERROR(MatMul(normed_.data(), tokens_, {{weights.gate, gate_.data()}, {weights.up, up_.data()}}));
  RETURN_IF_CUDA_ERROR(SwiGluOnDevice<float>(gate_.data(), up_.data(), tokens_ * config().ffn, stream_));
  RETURN_IF_ERROR(MatMul(gate_.data(), tokens_, {{weights.down, projected_.data()}}));
  RETURN_IF_CUDA_ERROR(AddToOnDevice<float>(x_.data(), projected_.data(), hidden, stream_));
  return absl::OkStatus();
}

absl::Status DeviceTransformer::Logits(size_t first, size_t n, float* logits) {
  RETURN_IF_ERROR(Norm(model_.final_norm(), first, n));
  return MatMul(normed_.data() + first * config().hidden, n, {{model_.head(), logits}});
}

}  // namespace kvscope
