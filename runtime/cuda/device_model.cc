#include "runtime/cuda/device_model.h"

#include <functional>
#include <new>
#include <utility>

#include "fmt/format.h"
#include "runtime/cuda/weight_upload.h"

namespace kvscope {
namespace {

constexpr size_t kAlignment = 256;

// Arrays of the host, laid out one behind the other.
class Layout {
 public:
  // Calls `place` with the array's address once there is memory.
  template <class Place>
  void Add(const void* data, size_t bytes, Place place) {
    arrays_.push_back({data, bytes, size_, std::move(place)});
    size_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  void Add(const std::vector<float>& values, const float*& out) {
    Add(values.data(), values.size() * sizeof(float),
        [&out](std::byte* at) { out = reinterpret_cast<const float*>(at); });
  }
  void Add(const WeightMatrix& matrix, WeightMatrix& out) {
    out = matrix;
    Add(matrix.data, matrix.rows * RowBytes(matrix.dtype, matrix.columns),
        [&out](std::byte* at) { out.data = at; });
  }

  size_t size() const { return size_; }

  absl::Status Copy(std::byte* to, cudaStream_t stream) const {
    WeightUpload upload;
    for (const Array& array : arrays_) {
      RETURN_IF_ERROR(upload.Copy(static_cast<const std::byte*>(array.data), to + array.offset, array.bytes));
      array.place(to + array.offset);
    }
    return upload.Finish(stream);
  }

 private:
  struct Array {
    const void* data;
    size_t bytes;
    size_t offset;
    std::function<void(std::byte*)> place;
  };
  std::vector<Array> arrays_;
  size_t size_ = 0;
};

absl::Status DoNotFit(size_t bytes) {
  size_t free_bytes = 0, total_bytes = 0;
  RETURN_IF_CUDA_ERROR(cudaMemGetInfo(&free_bytes, &total_bytes));
  return absl::ResourceExhaustedError(
      fmt::format("out of memory: the weights take {} bytes, and of the device's {} bytes {} are free", bytes,
                  total_bytes, free_bytes));
}

}  // namespace

absl::StatusOr<DeviceModel> DeviceModel::Load(std::shared_ptr<const Model> model, DeviceLedger& ledger,
                                              cudaStream_t stream) {
  DeviceModel loaded(std::move(model), ledger);
  const Model& host = *loaded.model_;
  loaded.layers_.resize(host.layers.size());
  Layout layout;
  layout.Add(host.embedding, loaded.embedding_);
  for (size_t i = 0; i < host.layers.size(); ++i) {
    const LayerWeights& from = host.layers[i];
    Layer& to = loaded.layers_[i];
    layout.Add(from.attention_norm, to.attention_norm);
    layout.Add(from.q, to.q);
    layout.Add(from.k, to.k);
    layout.Add(from.v, to.v);
    layout.Add(from.o, to.o);
    layout.Add(from.ffn_norm, to.ffn_norm);
    layout.Add(from.gate, to.gate);
    layout.Add(from.up, to.up);
    layout.Add(from.down, to.down);
  }
  layout.Add(host.final_norm, loaded.final_norm_);
  const bool tied = host.head.data == host.embedding.data;
  if (!tied) layout.Add(host.head, loaded.head_);
  try {
    loaded.arena_.Resize(layout.size());
  } catch (const std::bad_alloc&) {
    return DoNotFit(layout.size());
  }
  RETURN_IF_ERROR(layout.Copy(loaded.arena_.data(), stream));
  if (tied) loaded.head_ = loaded.embedding_;
  return loaded;
}

}  // namespace kvscope
