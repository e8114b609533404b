#include "eval/verify/alike_claims.h"

#include <map>
#include <set>
#include <tuple>

namespace kvscope {

std::vector<AlikeClaims> FindAlikeClaims(const ClaimSet& set) {
  std::map<std::tuple<std::string, std::string, std::string, std::string, double>, std::vector<const Claim*>>
      groups;
  for (const Claim& claim : set.claims)
    groups[{claim.source.table, claim.models.front(), claim.task, claim.length, claim.value}].push_back(
        &claim);
  std::vector<AlikeClaims> alike;
  for (const auto& [key, claims] : groups) {
    if (claims.size() < 2) continue;
    AlikeClaims& group = alike.emplace_back();
    group.value = std::get<double>(key);
    std::set<std::string> methods;
    for (const Claim* claim : claims) {
      group.ids.push_back(claim->id);
      group.windows_differ |= !methods.insert(claim->method).second;
    }
  }
  return alike;
}

nlohmann::json ToJson(const AlikeClaims& alike) {
  return {{"value", alike.value}, {"claims", alike.ids}, {"windows_differ", alike.windows_differ}};
}

}  // namespace kvscope
