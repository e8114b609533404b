#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kSnapKvPrefill = {
    .name = "snapkv",
    .source = "SnapKV, Li et al. 2024 (arXiv 2404.14469), section 4",
    .purpose = "keeps what the prompt's last queries look at, in clusters",
    .keep = PrefillPolicy::Keep::kBestScoredAndLast,
    .scored_by = PrefillPolicy::Queries::kObservationWindow,
    .pool_kernel = 7,
    .published_delta = 15,
    .counters_outlive_prompts = true,
};

}  // namespace kvscope
