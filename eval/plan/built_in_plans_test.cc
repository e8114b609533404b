#include "eval/plan/built_in_plans.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "eval/plan/planned_cell.h"
#include "eval/verify/claims.h"

namespace kvscope {
namespace {

TEST(BuiltInPlans, AreRead) {
  for (const std::string& name : BuiltInPlanNames()) {
    const auto plan = LoadPlan(name);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_TRUE(plan->contains("description")) << name;
    EXPECT_TRUE(ReadPlan(*plan, name, {}).ok()) << name;
  }
  EXPECT_EQ(LoadPlan("scope_table3").status().code(), absl::StatusCode::kNotFound);
}

// What a claim says of the run that it needs.
using Cell = std::tuple<std::string, std::string, std::string, std::string, int, int, int>;

TEST(BuiltInPlans, HaveTheCellOfEveryClaimOfScopesTables) {
  const ClaimSet claims = *LoadClaimSet("scope_acl2025");
  std::set<Cell> cells;
  for (const char* name : {"scope_table1", "scope_table2"}) {
    for (const char* model : {"llama-3.1-8b-instruct", "mistral-7b-instruct-v0.3"}) {
      const auto planned = ReadPlan(*LoadPlan(name), name, {{"model", model}});
      ASSERT_TRUE(planned.ok()) << planned.status();
      for (const PlannedCell& cell : *planned) {
        const RunRequest& request = cell.request;
        EXPECT_EQ(request.semantics, "published");
        EXPECT_EQ(request.limit, 0) << "all prompts";
        const bool windowed = request.method.find('+') != std::string::npos;
        cells.insert({model, request.task, request.length, request.method, request.prefill_budget.value_or(0),
                      windowed ? request.window : 0, windowed ? request.recent : 0});
      }
    }
  }
  for (const Claim& claim : claims.claims)
    EXPECT_TRUE(cells.contains({claim.models.front(), claim.task, claim.length, claim.method,
                                claim.prefill_budget.value_or(0), claim.window.value_or(0),
                                claim.recent.value_or(0)}))
        << claim.id;
}

}  // namespace
}  // namespace kvscope
