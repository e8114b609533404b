#include "runtime/methods/policies.h"

namespace kvscope {

const DecodePolicy kRkvDecode = {
    .name = "rkv",
    .source =
        "after R-KV, Cai et al. 2025 (arXiv 2505.24133), section 3; single-step attention, mean likeness",
    .purpose = "keeps what is attended to and not yet said: redundancy weighs against attention",
    .rank = DecodePolicy::Rank::kNovelty,
    .protects_prefill = true,
    .clean_only = true,
};

}  // namespace kvscope
