#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kAdaptiveDecode = {
    .name = "adaptive",
    .source = "SCOPE, Wu et al. 2024 (arXiv 2412.13649), section 4, adaptive strategy",
    .purpose = "slide whose window grows with the output, so that memory is spent late",
    .rank = DecodePolicy::Rank::kAttention,
    .protects_prefill = true,
    .window_grows = true,
};

}  // namespace kvscope
