#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kSlideDecode = {
    .name = "slide",
    .source = "SCOPE, Wu et al. 2024 (arXiv 2412.13649), section 4, sliding strategy",
    .purpose = "keeps the prompt's cache; slides a window of heavy hitters over the decoded part",
    .rank = DecodePolicy::Rank::kAttention,
    .protects_prefill = true,
};

}  // namespace kvscope
