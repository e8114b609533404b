#include <memory>

#include "eval/cli/command.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "runtime/methods/method.h"

namespace kvscope {
namespace {

template <typename Policy>
nlohmann::json Describe(std::span<const Policy* const> policies) {
  nlohmann::json list = nlohmann::json::array();
  for (const Policy* policy : policies)
    list.push_back({{"name", policy->name}, {"purpose", policy->purpose}, {"source", policy->source}});
  return list;
}

void Print(const char* title, const nlohmann::json& policies) {
  fmt::print("{}\n", title);
  for (const auto& policy : policies)
    fmt::print("  {:<14}{}\n  {:<14}source: {}\n", policy["name"].get<std::string>(),
               policy["purpose"].get<std::string>(), "", policy["source"].get<std::string>());
}

}  // namespace

Action AddMethods(CLI::App& command) {
  auto json = std::make_shared<bool>(false);
  AddJsonFlag(command, json.get());
  return [json]() -> absl::StatusOr<ExitCode> {
    const nlohmann::json prefill = Describe(PrefillPolicies()), decode = Describe(DecodePolicies());
    if (*json) {
      fmt::print("{}\n", DumpJson({{"prefill", prefill}, {"decode", decode}}, 2));
      return ExitCode::kDone;
    }
    fmt::print(
        "A method is PREFILL or PREFILL+DECODE, as in --method snapkv+slide. full+slide is SCOPE "
        "(slide).\n\n");
    Print("PREFILL: what happens to the prompt's cache", prefill);
    fmt::print("\n");
    Print("DECODE: what happens after each step (none where it is left out)", decode);
    return ExitCode::kDone;
  };
}

}  // namespace kvscope
