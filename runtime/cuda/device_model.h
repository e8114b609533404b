// A model's weights in device memory, in the file's own element types.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/cuda/device_memory.h"
#include "runtime/model/model.h"

namespace kvscope {

// As Model, with addresses of device memory.
class DeviceModel {
 public:
  struct Layer {
    const float* attention_norm;
    WeightMatrix q, k, v, o;
    const float* ffn_norm;
    WeightMatrix gate, up, down;
  };

  // Copies everything that a forward pass reads straight from the mapped files. ResourceExhausted: it does
  // not fit the device's memory. Throws std::bad_alloc where the host's is out.
  static absl::StatusOr<DeviceModel> Load(std::shared_ptr<const Model> model, DeviceLedger& ledger,
                                          cudaStream_t stream);

  const ModelConfig& config() const { return model_->config; }
  const WeightMatrix& embedding() const { return embedding_; }
  const Layer& layer(size_t i) const { return layers_[i]; }
  const float* final_norm() const { return final_norm_; }
  const WeightMatrix& head() const { return head_; }

 private:
  DeviceModel(std::shared_ptr<const Model> model, DeviceLedger& ledger)
      : model_(std::move(model)), arena_(ledger, DevicePurpose::kWeights) {}

  std::shared_ptr<const Model> model_;
  DeviceBuffer<std::byte> arena_;
  WeightMatrix embedding_;
  std::vector<Layer> layers_;
  const float* final_norm_ = nullptr;
  WeightMatrix head_;
};

}  // namespace kvscope
