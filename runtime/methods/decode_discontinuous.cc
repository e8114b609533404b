#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kDiscontinuousDecode = {
    .name = "discontinuous",
    .source = "SCOPE, Wu et al. 2024 (arXiv 2412.13649), section 4, discontinuous strategy",
    .purpose = "adaptive that selects only now and then, so that selection costs less",
    .rank = DecodePolicy::Rank::kAttention,
    .protects_prefill = true,
    .window_grows = true,
    .periodic = true,
};

}  // namespace kvscope
