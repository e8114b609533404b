#include "eval/plan/built_in_plans.h"

#include <array>
#include <string_view>

#include "embedded/arith_curve_json.h"
#include "embedded/demo_gsm8k_json.h"
#include "embedded/demo_json.h"
#include "embedded/scope_table1_json.h"
#include "embedded/scope_table2_json.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

struct BuiltInPlan {
  std::string_view name;
  std::string_view (*content)();
};

constexpr std::array kPlans = {
    BuiltInPlan{"demo", embedded::demo_json},
    BuiltInPlan{"demo_gsm8k", embedded::demo_gsm8k_json},
    BuiltInPlan{"arith_curve", embedded::arith_curve_json},
    BuiltInPlan{"scope_table1", embedded::scope_table1_json},
    BuiltInPlan{"scope_table2", embedded::scope_table2_json},
};

}  // namespace

std::vector<std::string> BuiltInPlanNames() {
  std::vector<std::string> names;
  for (const BuiltInPlan& plan : kPlans) names.emplace_back(plan.name);
  return names;
}

absl::StatusOr<nlohmann::json> LoadPlan(const std::string& name) {
  for (const BuiltInPlan& plan : kPlans)
    if (name == plan.name) return ParseJson(plan.content(), name);
  absl::StatusOr<nlohmann::json> plan = ReadJsonFile(name);
  if (plan.status().code() != absl::StatusCode::kNotFound) return plan;
  return absl::NotFoundError(
      fmt::format("{}: neither a file nor one of the plans {}", name, fmt::join(BuiltInPlanNames(), ", ")));
}

}  // namespace kvscope
