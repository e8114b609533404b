// The CUDA runtime behind the engine's interface, on one device, real or emulated.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "kernels/precision.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model.h"

namespace kvscope {

// Unavailable: this machine has no device.
absl::Status CheckCudaDevice();

// Where the device that this process uses is on the bus, as "0000:3b:00.0". Unavailable: an emulated one.
absl::StatusOr<std::string> CudaDeviceBusId();

// `cache_bytes`: what all caches together may take; beyond it memory is out; 0: no limit. Unavailable: no
// device. Unimplemented: a head dimension or a type of cache that device code has no kernels for, or in bf16
// sizes that tensor cores cannot take. ResourceExhausted: the weights do not fit.
absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(std::shared_ptr<const Model> model,
                                                         Precision precision, KvType kv_type,
                                                         size_t cache_bytes = 0);

}  // namespace kvscope
