// Kernels by the element type of the cache.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/kv_page.h"

namespace kvscope {

// launch(element), `element` a value of the type that a cache of `type` holds; cudaErrorInvalidValue where
// device code knows no such cache.
template <class Launch>
cudaError_t WithKvElement(KvType type, const Launch& launch) {
  switch (type) {
    case KvType::kF32:
      return launch(float());
    case KvType::kF16:
      return launch(__half());
    case KvType::kBF16:
      return launch(__nv_bfloat16());
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace kvscope
