#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kRandomDecode = {
    .name = "random",
    .source = "control",
    .purpose = "what a budget is worth when the choice means nothing",
    .rank = DecodePolicy::Rank::kRandom,
    .protects_prefill = true,
    .clean_only = true,
};

}  // namespace kvscope
