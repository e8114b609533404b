#include "runtime/engine/test_backend.h"

#include <utility>

#include "runtime/cuda/cuda_backend.h"

namespace kvscope {

absl::StatusOr<std::unique_ptr<Backend>> MakeTestBackend(std::shared_ptr<const Model> model, KvType kv_type) {
  return MakeCudaBackend(std::move(model), Precision::kF32, kv_type);
}

}  // namespace kvscope
