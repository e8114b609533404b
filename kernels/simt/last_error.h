// The error that cudaGetLastError returns.
#pragma once

#include <cuda_runtime.h>

namespace kvscope::simt {

// Keeps an error until it is asked for; `error` itself.
cudaError_t Remember(cudaError_t error);

}  // namespace kvscope::simt
