#include "runtime/cuda/selection_place.h"

namespace kvscope {

std::string_view WhyHostSelects(const Method& method) {
  switch (method.decode->rank) {
    case DecodePolicy::Rank::kNever:
      return "";
    case DecodePolicy::Rank::kArrival:
    case DecodePolicy::Rank::kRandom:
      return "the choice follows from positions, which the host holds";
    case DecodePolicy::Rank::kAttention:
    case DecodePolicy::Rank::kAccumulatedAttention:
    case DecodePolicy::Rank::kLayerAttention:
    case DecodePolicy::Rank::kKeyDistinctness:
    case DecodePolicy::Rank::kNovelty:
      break;
  }
  if (method.semantics == Semantics::kPublished)
    return "among equal scores torch.topk keeps what its sort on the CPU leaves first";
  return "";
}

}  // namespace kvscope
