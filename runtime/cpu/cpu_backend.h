// The CPU runtime: arithmetic of a chosen precision, keys and values of a chosen type.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "kernels/precision.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model.h"

namespace kvscope {

// `threads`: at least 1. `cache_bytes`: what all caches together may take; beyond it memory is out; 0: no
// limit. Unimplemented: a head dimension that is no multiple of 8.
absl::StatusOr<std::unique_ptr<Backend>> MakeCpuBackend(std::shared_ptr<const Model> model,
                                                        Precision precision, KvType kv_type, int threads,
                                                        size_t cache_bytes = 0);

}  // namespace kvscope
