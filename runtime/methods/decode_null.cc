#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kNullDecode = {
    .name = "null",
    .source = "control",
    .purpose = "selects at every step and keeps all: what the machinery itself costs",
    .rank = DecodePolicy::Rank::kAttention,
    .clean_only = true,
    .evicts_nothing = true,
};

}  // namespace kvscope
