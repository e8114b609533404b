#include "runtime/methods/method.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/status_macros.h"
#include "runtime/methods/policies.h"

namespace kvscope {
namespace {

#define KVSCOPE_ADDRESS(name) &name,
constexpr std::array kPrefillPolicies = {KVSCOPE_PREFILL_POLICIES(KVSCOPE_ADDRESS)};
constexpr std::array kDecodePolicies = {KVSCOPE_DECODE_POLICIES(KVSCOPE_ADDRESS)};
#undef KVSCOPE_ADDRESS

template <typename Policies>
auto Find(const Policies& policies, std::string_view name, std::string_view kind)
    -> absl::StatusOr<typename Policies::value_type> {
  const auto found =
      std::find_if(policies.begin(), policies.end(), [&](auto policy) { return policy->name == name; });
  if (found != policies.end()) return *found;
  std::vector<std::string_view> known;
  for (const auto* policy : policies) known.push_back(policy->name);
  return absl::InvalidArgumentError(fmt::format("--method: unknown {} policy \"{}\"; expected one of {}",
                                                kind, name, fmt::join(known, ", ")));
}

absl::Status Check(bool ok, std::string_view flag, std::string_view expected, int found) {
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: expected {}, found {}", flag, expected, found));
}

absl::Status CheckBudgets(const Method& method) {
  const Budgets& b = method.budgets;
  RETURN_IF_ERROR(Check(b.prefill >= 0, "--prefill-budget", "0 (no limit) or more tokens", b.prefill));
  RETURN_IF_ERROR(Check(b.max_new > 0, "--max-new-tokens", "at least 1", b.max_new));
  RETURN_IF_ERROR(Check(b.observation > 0, "--observation-window", "at least 1 token", b.observation));
  if (UsesPrefillBudget(method) && b.prefill > 0) {
    const int above = method.prefill->window_is_half_budget ? 1 : b.observation;
    RETURN_IF_ERROR(Check(b.prefill > above, "--prefill-budget",
                          fmt::format("more than the observation window's {} tokens", above), b.prefill));
  }
  if (UsesWindow(method)) RETURN_IF_ERROR(Check(b.window > 0, "--window", "at least 1 token", b.window));
  if (UsesRecent(method)) RETURN_IF_ERROR(Check(b.recent > 0, "--recent", "at least 1 token", b.recent));
  if (UsesWindow(method) && UsesRecent(method)) {
    RETURN_IF_ERROR(Check(b.window > b.recent, "--window",
                          fmt::format("more than the recent window's {} tokens", b.recent), b.window));
  }
  if (method.semantics == Semantics::kPublished && method.decode->window_grows) {
    RETURN_IF_ERROR(Check(
        b.max_new - b.recent >= b.window - b.recent, "--max-new-tokens",
        fmt::format("at least the window's {}: published steps are (T - R) / (W - R)", b.window), b.max_new));
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const PrefillPolicy* const> PrefillPolicies() { return kPrefillPolicies; }
std::span<const DecodePolicy* const> DecodePolicies() { return kDecodePolicies; }

std::string Method::Name() const {
  if (decode->rank == DecodePolicy::Rank::kNever) return std::string(prefill->name);
  return fmt::format("{}+{}", prefill->name, decode->name);
}

absl::StatusOr<Method> MakeMethod(std::string_view name, Semantics semantics, const Budgets& budgets) {
  const size_t plus = name.find('+');
  Method method;
  method.semantics = semantics;
  method.budgets = budgets;
  ASSIGN_OR_RETURN(method.prefill, Find(kPrefillPolicies, name.substr(0, plus), "prefill"));
  ASSIGN_OR_RETURN(method.decode,
                   Find(kDecodePolicies, plus == name.npos ? "none" : name.substr(plus + 1), "decode"));
  if (semantics == Semantics::kPublished && (method.prefill->clean_only || method.decode->clean_only)) {
    return absl::InvalidArgumentError(
        fmt::format("--method: {} has no published form; use --semantics clean", name));
  }
  RETURN_IF_ERROR(CheckBudgets(method));
  return method;
}

bool UsesPrefillBudget(const Method& method) {
  return method.prefill->keep != PrefillPolicy::Keep::kEverything;
}

bool UsesWindow(const Method& method) {
  return method.decode->rank != DecodePolicy::Rank::kNever && !method.decode->evicts_nothing;
}

bool UsesRecent(const Method& method) { return UsesWindow(method); }

}  // namespace kvscope
