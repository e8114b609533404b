#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kPyramidInferPrefill = {
    .name = "pyramidinfer",
    .source = "PyramidInfer, Yang et al. 2024 (arXiv 2405.12532), section 3",
    .purpose = "h2o with more of the budget in the lower layers",
    .keep = PrefillPolicy::Keep::kBestScoredAndLast,
    .scored_by = PrefillPolicy::Queries::kAll,
    .pyramid_divisor = 20,
    .short_prompt_adds_window = true,
};

}  // namespace kvscope
