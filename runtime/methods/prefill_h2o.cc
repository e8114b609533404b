#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kH2oPrefill = {
    .name = "h2o",
    .source = "H2O, Zhang et al. 2023 (arXiv 2306.14048), section 4",
    .purpose = "keeps the heavy hitters: what all of the prompt's queries look at most",
    .keep = PrefillPolicy::Keep::kBestScoredAndLast,
    .scored_by = PrefillPolicy::Queries::kAll,
};

}  // namespace kvscope
