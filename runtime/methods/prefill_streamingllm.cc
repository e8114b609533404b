#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kStreamingLlmPrefill = {
    .name = "streamingllm",
    .source = "StreamingLLM, Xiao et al. 2023 (arXiv 2309.17453), section 3.2",
    .purpose = "attention sinks and recent tokens; blind to content, so the cheapest baseline",
    .keep = PrefillPolicy::Keep::kFirstAndLast,
    .window_is_half_budget = true,
};

}  // namespace kvscope
