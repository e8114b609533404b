#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kNoneDecode = {
    .name = "none",
    .source = "no compression",
    .purpose = "every decoded token is kept",
    .rank = DecodePolicy::Rank::kNever,
};

}  // namespace kvscope
