#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kPyramidKvPrefill = {
    .name = "pyramidkv",
    .source = "PyramidKV, Cai et al. 2024 (arXiv 2406.02069), section 4.2",
    .purpose = "snapkv with more of the budget in the lower layers, where attention is spread out",
    .keep = PrefillPolicy::Keep::kBestScoredAndLast,
    .scored_by = PrefillPolicy::Queries::kObservationWindow,
    .pool_kernel = 7,
    .pyramid_divisor = 20,
    .published_delta = 15,
    .counters_outlive_prompts = true,
};

}  // namespace kvscope
