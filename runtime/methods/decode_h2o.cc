#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kH2oDecode = {
    .name = "h2o",
    .source = "H2O, Zhang et al. 2023 (arXiv 2306.14048), algorithm 1",
    .purpose = "one budget for prompt and output, shared by heavy hitters and recent tokens",
    .rank = DecodePolicy::Rank::kAccumulatedAttention,
};

}  // namespace kvscope
