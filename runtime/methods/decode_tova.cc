#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kTovaDecode = {
    .name = "tova",
    .source = "TOVA, Oren et al. 2024 (arXiv 2401.06104), section 3.2",
    .purpose = "drops what the current token attends to least, judged by all heads of a layer together",
    .rank = DecodePolicy::Rank::kLayerAttention,
    .clean_only = true,
};

}  // namespace kvscope
