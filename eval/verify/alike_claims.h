// Printed numbers that should differ and do not: what a publication's tables say against themselves.
#pragma once

#include <string>
#include <vector>

#include "eval/verify/claims.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// Claims of one table, model, task and length with the same printed value for different methods or windows.
// Chance can do that to coarse scores; where methods or windows agree cell after cell, one of them did
// nothing.
struct AlikeClaims {
  double value = 0;
  std::vector<std::string> ids;  // two or more, as in the set
  bool windows_differ = false;   // some of them differ in nothing but the window
};

std::vector<AlikeClaims> FindAlikeClaims(const ClaimSet& set);

// {value, claims, windows_differ}
nlohmann::json ToJson(const AlikeClaims& alike);

}  // namespace kvscope
