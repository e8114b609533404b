#include "runtime/methods/policies.h"

namespace kvscope {

const PrefillPolicy kFullPrefill = {
    .name = "full",
    .source = "no compression",
    .purpose = "the reference that every other prefill policy is compared with",
    .keep = PrefillPolicy::Keep::kEverything,
};

}  // namespace kvscope
