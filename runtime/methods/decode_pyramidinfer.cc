#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kPyramidInferDecode = {
    .name = "pyramidinfer",
    .source = "PyramidInfer, Yang et al. 2024 (arXiv 2405.12532), section 3",
    .purpose = "one budget for prompt and output, larger in the lower layers",
    .rank = DecodePolicy::Rank::kAttention,
    .pyramid_divisor = 2,
};

}  // namespace kvscope
