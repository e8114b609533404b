#include "runtime/methods/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace kvscope {
namespace {

using testing::HasSubstr;

std::string Error(std::string_view name, const Budgets& budgets, Semantics semantics = Semantics::kClean) {
  const auto method = MakeMethod(name, semantics, budgets);
  if (method.ok()) return "";
  EXPECT_EQ(method.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(method.status().message());
}

TEST(MakeMethod, DecodePolicyDefaultsToNone) {
  const auto method = MakeMethod("snapkv", Semantics::kClean, {.prefill = 64});
  ASSERT_TRUE(method.ok()) << method.status();
  EXPECT_EQ(method->Name(), "snapkv");
  EXPECT_EQ(method->decode->name, "none");
  EXPECT_EQ(MakeMethod("full+slide", Semantics::kClean, {})->Name(), "full+slide");
}

TEST(MakeMethod, AnyPrefillComposesWithAnyDecode) {
  for (const PrefillPolicy* prefill : PrefillPolicies()) {
    for (const DecodePolicy* decode : DecodePolicies()) {
      const std::string name = std::string(prefill->name) + "+" + std::string(decode->name);
      EXPECT_EQ(Error(name, {.prefill = 64}), "") << name;
    }
  }
}

TEST(MakeMethod, UnknownNamesAreRefusedWithTheKnownOnes) {
  EXPECT_THAT(Error("nonesuch", {}),
              HasSubstr("unknown prefill policy \"nonesuch\"; expected one of full, streamingllm"));
  EXPECT_THAT(Error("full+nonesuch", {}), HasSubstr("unknown decode policy \"nonesuch\""));
  EXPECT_THAT(Error("full+", {}), HasSubstr("unknown decode policy \"\""));
  EXPECT_THAT(Error("", {}), HasSubstr("unknown prefill policy \"\""));
  EXPECT_THAT(Error("full+slide+none", {}), HasSubstr("unknown decode policy \"slide+none\""));
}

TEST(MakeMethod, BudgetsThatCannotWorkAreRefused) {
  EXPECT_THAT(Error("full+slide", {.window = 128, .recent = 256}),
              HasSubstr("--window: expected more than the recent"));
  EXPECT_THAT(Error("full+slide", {.window = 256, .recent = 256}), HasSubstr("found 256"));
  EXPECT_THAT(Error("full+slide", {.window = 0, .recent = 1}), HasSubstr("--window"));
  EXPECT_THAT(Error("full+slide", {.recent = 0}), HasSubstr("--recent"));
  EXPECT_THAT(Error("snapkv", {.prefill = 8}),
              HasSubstr("--prefill-budget: expected more than the observation window"));
  EXPECT_THAT(Error("snapkv", {.prefill = -1}), HasSubstr("--prefill-budget"));
  EXPECT_THAT(Error("full", {.max_new = 0}), HasSubstr("--max-new-tokens"));
  EXPECT_EQ(Error("full", {.window = 1, .recent = 2}), "")
      << "flags that the method does not use do not matter";
}

TEST(MakeMethod, PublishedFormsMustExist) {
  EXPECT_THAT(Error("full+scope", {}, Semantics::kPublished), HasSubstr("no published form"));
  // delta = (T - R) / (W - R) = 0 divides by zero in the published code.
  EXPECT_THAT(Error("full+adaptive", {.window = 512, .recent = 256, .max_new = 300}, Semantics::kPublished),
              HasSubstr("--max-new-tokens"));
}

TEST(Policies, AreNamedOnceAndSayWhatTheyAreFor) {
  std::set<std::string_view> names;
  for (const PrefillPolicy* policy : PrefillPolicies()) {
    EXPECT_TRUE(names.insert(policy->name).second) << policy->name;
    EXPECT_FALSE(policy->source.empty() || policy->purpose.empty()) << policy->name;
  }
  names.clear();
  for (const DecodePolicy* policy : DecodePolicies()) {
    EXPECT_TRUE(names.insert(policy->name).second) << policy->name;
    EXPECT_FALSE(policy->source.empty() || policy->purpose.empty()) << policy->name;
  }
}

TEST(UsesFlags, AMethodUsesOnlyWhatItsPoliciesRead) {
  const auto full = *MakeMethod("full", Semantics::kClean, {});
  EXPECT_FALSE(UsesPrefillBudget(full) || UsesWindow(full) || UsesRecent(full));
  const auto slide = *MakeMethod("full+slide", Semantics::kClean, {});
  EXPECT_TRUE(!UsesPrefillBudget(slide) && UsesWindow(slide) && UsesRecent(slide));
  const auto snapkv = *MakeMethod("snapkv", Semantics::kClean, {.prefill = 64});
  EXPECT_TRUE(UsesPrefillBudget(snapkv) && !UsesWindow(snapkv) && !UsesRecent(snapkv));
}

}  // namespace
}  // namespace kvscope
