#include "runtime/engine/golden_params.h"

#include <string>

#include "fmt/format.h"

namespace kvscope {

absl::StatusOr<Method> MethodOfParams(const nlohmann::json& params, Semantics semantics) {
  Budgets budgets;
  budgets.prefill = params.at("C");
  budgets.observation = params.at("w");
  budgets.window = params.at("W");
  budgets.recent = params.at("R");
  budgets.max_new = params.at("T");
  const std::string prefill = params.at("prefill"), decode = params.at("decode");
  return MakeMethod(fmt::format("{}+{}", prefill, decode), semantics, budgets);
}

}  // namespace kvscope
