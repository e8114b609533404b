// The backend that a test program is about: it links one of the libraries that define this.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model.h"

namespace kvscope {

// In exact float32 arithmetic.
absl::StatusOr<std::unique_ptr<Backend>> MakeTestBackend(std::shared_ptr<const Model> model, KvType kv_type);

}  // namespace kvscope
