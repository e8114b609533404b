#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kScopeDecode = {
    .name = "scope",
    .source = "SCOPE, Wu et al. 2024 (arXiv 2412.13649), section 4, the three strategies together",
    .purpose = "growing window, heavy hitters over all decoding steps, selection now and then",
    .rank = DecodePolicy::Rank::kAccumulatedAttention,
    .protects_prefill = true,
    .window_grows = true,
    .periodic = true,
    .clean_only = true,
};

}  // namespace kvscope
