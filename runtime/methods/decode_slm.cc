#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kSlmDecode = {
    .name = "slm",
    .source = "StreamingLLM, Xiao et al. 2023 (arXiv 2309.17453), section 3.2",
    .purpose = "a fixed head of the cache and a sliding window of recent tokens",
    .rank = DecodePolicy::Rank::kArrival,
};

}  // namespace kvscope
