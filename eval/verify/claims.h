// Numbers that a paper prints, each with what has to be run to see it again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct ClaimSource {
  std::string table;
  std::string row;
  std::string column;
};

struct Claim {
  std::string id;
  std::vector<std::string> models;  // names that a run may give the claim's model; the first is the catalog's
  std::string task;
  std::string length;
  std::string method;
  std::optional<int> prefill_budget;
  std::optional<int> window;
  std::optional<int> recent;
  std::string semantics;
  std::string variant;  // of the prompts
  int samples = 0;
  std::string scorer;
  double value = 0;                  // percent, as printed
  double tolerance = 0;              // in percentage points; of the printing
  std::optional<double> file_value;  // the same cell in the result files that the authors published
  ClaimSource source;
  std::string note;
};

// Cells of the paper that are no claim.
struct MissingCells {
  std::string table;
  std::string what;
  int cells = 0;
  std::string why;
};

struct ClaimSet {
  std::string name;
  std::string title;
  std::string url;
  std::string read_from;
  std::vector<Claim> claims;
  std::vector<MissingCells> missing;
};

// The claim sets that are compiled in.
std::vector<std::string> ClaimSetNames();

// DataLoss naming `where` (the file), the claim, the field, what was expected and what was found. Unknown
// fields, ids used twice and models that the file does not list are errors.
absl::StatusOr<ClaimSet> ClaimSetFromJson(const nlohmann::json& json, const std::string& where);

// `name` is one of ClaimSetNames(), or a file.
absl::StatusOr<ClaimSet> LoadClaimSet(const std::string& name);

}  // namespace kvscope
