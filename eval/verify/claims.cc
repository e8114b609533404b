#include "eval/verify/claims.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "embedded/scope_acl2025_json.h"
#include "eval/score/score_folder.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/json_fields.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr int kClaimSchema = 1;
constexpr const char* kScopeAcl2025 = "scope_acl2025";

// The elements of an array field.
absl::StatusOr<std::vector<json>> ReadArray(const json& object, const JsonFields& fields, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return fields.Error(name, "an array");
  return found->get<std::vector<json>>();
}

using Models = std::map<std::string, std::vector<std::string>>;  // catalog name -> names a run may have

absl::StatusOr<Models> ReadModels(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  json names;
  RETURN_IF_ERROR(fields.ReadObject("models", names));
  const JsonFields name_fields(names, fields.Nested("models"));
  Models models;
  for (const auto& [model, ignored] : names.items())
    RETURN_IF_ERROR(name_fields.Read(model.c_str(), models[model]));
  return models;
}

absl::Status ReadSource(const JsonFields& fields, ClaimSource& source) {
  json object;
  RETURN_IF_ERROR(fields.ReadObject("source", object));
  const std::string where = fields.Nested("source");
  const JsonFields source_fields(object, where);
  RETURN_IF_ERROR(source_fields.CheckKnown({"table", "row", "column"}));
  RETURN_IF_ERROR(source_fields.Read("table", source.table));
  RETURN_IF_ERROR(source_fields.Read("row", source.row));
  return source_fields.Read("column", source.column);
}

absl::StatusOr<Claim> ReadClaim(const json& object, const std::string& file, size_t index,
                                const Models& models) {
  Claim claim;
  const std::string place = fmt::format("{}: claims[{}]", file, index);
  RETURN_IF_ERROR(JsonFields(object, place).Read("id", claim.id));
  const std::string where = fmt::format("{} ({})", place, claim.id);
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown({"id", "model", "task", "length", "method", "prefill_budget", "window",
                                     "recent", "semantics", "variant", "samples", "scorer", "value",
                                     "tolerance", "file_value", "source", "note"}));
  std::string model;
  RETURN_IF_ERROR(fields.Read("model", model));
  const auto names = models.find(model);
  if (names == models.end()) return fields.Error("model", "one of the file's models");
  claim.models = names->second;
  RETURN_IF_ERROR(fields.Read("task", claim.task));
  RETURN_IF_ERROR(fields.Read("length", claim.length));
  RETURN_IF_ERROR(fields.Read("method", claim.method));
  RETURN_IF_ERROR(fields.Read("prefill_budget", claim.prefill_budget));
  RETURN_IF_ERROR(fields.Read("window", claim.window));
  RETURN_IF_ERROR(fields.Read("recent", claim.recent));
  RETURN_IF_ERROR(fields.Read("semantics", claim.semantics));
  RETURN_IF_ERROR(fields.Read("variant", claim.variant));
  RETURN_IF_ERROR(fields.Read("samples", claim.samples));
  if (claim.samples < 1) return fields.Error("samples", "a positive integer");
  RETURN_IF_ERROR(fields.Read("scorer", claim.scorer));
  const std::vector<std::string> scorers = ScorerNames();
  if (std::ranges::find(scorers, claim.scorer) == scorers.end())
    return fields.Error("scorer", fmt::format("one of {}", fmt::join(scorers, ", ")));
  RETURN_IF_ERROR(fields.Read("value", claim.value));
  if (!(claim.value >= 0 && claim.value <= 100)) return fields.Error("value", "a percentage from 0 to 100");
  RETURN_IF_ERROR(fields.Read("tolerance", claim.tolerance));
  if (!(claim.tolerance >= 0)) return fields.Error("tolerance", "a number from 0");
  RETURN_IF_ERROR(fields.Read("file_value", claim.file_value));
  RETURN_IF_ERROR(ReadSource(fields, claim.source));
  std::optional<std::string> note;
  RETURN_IF_ERROR(fields.Read("note", note));
  claim.note = note.value_or("");
  return claim;
}

absl::StatusOr<MissingCells> ReadMissing(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown({"table", "what", "cells", "why"}));
  MissingCells missing;
  RETURN_IF_ERROR(fields.Read("table", missing.table));
  RETURN_IF_ERROR(fields.Read("what", missing.what));
  RETURN_IF_ERROR(fields.Read("cells", missing.cells));
  RETURN_IF_ERROR(fields.Read("why", missing.why));
  return missing;
}

}  // namespace

std::vector<std::string> ClaimSetNames() { return {kScopeAcl2025}; }

absl::StatusOr<ClaimSet> ClaimSetFromJson(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(
      fields.CheckKnown({"schema", "name", "title", "url", "read_from", "models", "claims", "missing"}));
  int schema = 0;
  RETURN_IF_ERROR(fields.Read("schema", schema));
  if (schema != kClaimSchema) return fields.Error("schema", fmt::format("{}", kClaimSchema));
  ClaimSet set;
  RETURN_IF_ERROR(fields.Read("name", set.name));
  RETURN_IF_ERROR(fields.Read("title", set.title));
  RETURN_IF_ERROR(fields.Read("url", set.url));
  RETURN_IF_ERROR(fields.Read("read_from", set.read_from));
  ASSIGN_OR_RETURN(const Models models, ReadModels(object, where));
  ASSIGN_OR_RETURN(const std::vector<json> claims, ReadArray(object, fields, "claims"));
  std::set<std::string> ids;
  for (size_t i = 0; i < claims.size(); ++i) {
    ASSIGN_OR_RETURN(Claim claim, ReadClaim(claims[i], where, i, models));
    if (!ids.insert(claim.id).second)
      return JsonFields(claims[i], fmt::format("{}: claims[{}]", where, i))
          .Error("id", "an id not used before");
    set.claims.push_back(std::move(claim));
  }
  ASSIGN_OR_RETURN(const std::vector<json> missing, ReadArray(object, fields, "missing"));
  for (size_t i = 0; i < missing.size(); ++i) {
    ASSIGN_OR_RETURN(MissingCells cells, ReadMissing(missing[i], fmt::format("{}: missing[{}]", where, i)));
    set.missing.push_back(std::move(cells));
  }
  return set;
}

absl::StatusOr<ClaimSet> LoadClaimSet(const std::string& name) {
  if (name == kScopeAcl2025) {
    ASSIGN_OR_RETURN(const json object, ParseJson(embedded::scope_acl2025_json(), name));
    return ClaimSetFromJson(object, name);
  }
  ASSIGN_OR_RETURN(const json object, ReadJsonFile(name));
  return ClaimSetFromJson(object, name);
}

}  // namespace kvscope
