#include "runtime/engine/backend.h"

#include <utility>

#include "results/base/status_macros.h"

namespace kvscope {

absl::StatusOr<std::unique_ptr<BackendSequence>> PrefillOne(Backend& backend, const PrefillRequest& request,
                                                            std::span<float> logits) {
  ASSIGN_OR_RETURN(PrefillResult rows, backend.Prefill(request, logits));
  return std::move(rows.front());
}

}  // namespace kvscope
