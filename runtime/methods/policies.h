// The registry: every policy, one line each. A new one is a file beside this one and a line here.
#pragma once

#include "runtime/methods/method.h"

#define KVSCOPE_PREFILL_POLICIES(POLICY) \
  POLICY(kFullPrefill)                   \
  POLICY(kStreamingLlmPrefill)           \
  POLICY(kSnapKvPrefill)                 \
  POLICY(kH2oPrefill)                    \
  POLICY(kPyramidKvPrefill)              \
  POLICY(kPyramidInferPrefill)           \
  POLICY(kRandomPrefill)

#define KVSCOPE_DECODE_POLICIES(POLICY) \
  POLICY(kNoneDecode)                   \
  POLICY(kSlmDecode)                    \
  POLICY(kH2oDecode)                    \
  POLICY(kPyramidInferDecode)           \
  POLICY(kSlideDecode)                  \
  POLICY(kAdaptiveDecode)               \
  POLICY(kDiscontinuousDecode)          \
  POLICY(kScopeDecode)                  \
  POLICY(kTovaDecode)                   \
  POLICY(kKeyDiffDecode)                \
  POLICY(kRkvDecode)                    \
  POLICY(kRandomDecode)                 \
  POLICY(kNullDecode)

namespace kvscope {

#define KVSCOPE_DECLARE(name) extern const PrefillPolicy name;
KVSCOPE_PREFILL_POLICIES(KVSCOPE_DECLARE)
#undef KVSCOPE_DECLARE
#define KVSCOPE_DECLARE(name) extern const DecodePolicy name;
KVSCOPE_DECODE_POLICIES(KVSCOPE_DECLARE)
#undef KVSCOPE_DECLARE

}  // namespace kvscope
