// The device side of CUDA for a host compiler: NVIDIA's own headers, and what they declare under nvcc only.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/simt/async_copy.h"
#include "kernels/simt/atomics.h"
#include "kernels/simt/intrinsics.h"
#include "kernels/simt/language.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/tensor_core.h"
#include "kernels/simt/warp.h"
