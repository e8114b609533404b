#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kKeyDiffDecode = {
    .name = "keydiff",
    .source = "KeyDiff, Park et al. 2025 (arXiv 2504.15364), section 3",
    .purpose = "keeps distinct keys, without attention scores",
    .rank = DecodePolicy::Rank::kKeyDistinctness,
    .clean_only = true,
};

}  // namespace kvscope
