#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kRandomPrefill = {
    .name = "random",
    .source = "control",
    .purpose = "what a prefill budget is worth when the choice means nothing",
    .keep = PrefillPolicy::Keep::kBestScoredAndLast,
    .random = true,
    .clean_only = true,
};

}  // namespace kvscope
