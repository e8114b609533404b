#include "eval/compare/gate_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "embedded/gate_identical_json.h"
#include "embedded/gate_regression_json.h"
#include "embedded/gate_timed_json.h"
#include "eval/compare/latency.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/json_fields.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr int kPolicySchema = 1;

struct BuiltIn {
  std::string_view name;
  std::string_view (*content)();
};

constexpr std::array kBuiltIn = {BuiltIn{"identical", embedded::gate_identical_json},
                                 BuiltIn{"regression", embedded::gate_regression_json},
                                 BuiltIn{"timed", embedded::gate_timed_json}};

absl::Status ReadAlpha(const JsonFields& fields, const char* name, std::optional<double>& alpha) {
  RETURN_IF_ERROR(fields.Read(name, alpha));
  return !alpha || (*alpha > 0 && *alpha < 0.5) ? absl::OkStatus()
                                                : fields.Error(name, "a number between 0 and 0.5");
}

// `alpha` stays as it is where there is none.
absl::Status ReadAlpha(const JsonFields& fields, double& alpha) {
  std::optional<double> found;
  RETURN_IF_ERROR(ReadAlpha(fields, "alpha", found));
  alpha = found.value_or(alpha);
  return absl::OkStatus();
}

absl::Status ReadRatio(const JsonFields& fields, double& ratio) {
  RETURN_IF_ERROR(fields.Read("at_most_ratio", ratio));
  return ratio > 0 ? absl::OkStatus() : fields.Error("at_most_ratio", "a number above 0");
}

absl::StatusOr<AccuracyRule> ReadAccuracy(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown({"margin_points", "alpha"}));
  AccuracyRule rule;
  RETURN_IF_ERROR(fields.Read("margin_points", rule.margin_points));
  if (!(rule.margin_points >= 0 && rule.margin_points <= 100))
    return fields.Error("margin_points", "a number from 0 to 100");
  RETURN_IF_ERROR(ReadAlpha(fields, rule.alpha));
  return rule;
}

absl::StatusOr<KvRule> ReadKv(const json& value, const JsonFields& fields, const std::string& where) {
  if (value == "exact") return KvRule{};
  if (!value.is_object()) return fields.Error("kv_bytes", "\"exact\" or an object with at_most_ratio");
  RETURN_IF_ERROR(JsonFields(value, where).CheckKnown({"at_most_ratio"}));
  KvRule rule;
  RETURN_IF_ERROR(ReadRatio(JsonFields(value, where), rule.at_most_ratio.emplace()));
  return rule;
}

absl::StatusOr<LatencyRule> ReadLatency(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown({"metric", "at_most_ratio", "alpha"}));
  LatencyRule rule;
  RETURN_IF_ERROR(fields.Read("metric", rule.metric));
  const std::vector<std::string> metrics = LatencyMetrics();
  if (std::ranges::find(metrics, rule.metric) == metrics.end())
    return fields.Error("metric", fmt::format("one of {}", fmt::join(metrics, ", ")));
  RETURN_IF_ERROR(ReadRatio(fields, rule.at_most_ratio));
  RETURN_IF_ERROR(ReadAlpha(fields, rule.alpha));
  return rule;
}

absl::StatusOr<FinishRule> ReadFinish(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown({"max_error", "max_length_increase", "max_overrun_increase",
                                     "more_length_alpha", "more_overrun_alpha"}));
  FinishRule rule;
  const auto read = [&](const char* name, std::optional<int>& count) -> absl::Status {
    RETURN_IF_ERROR(fields.Read(name, count));
    return !count || *count >= 0 ? absl::OkStatus() : fields.Error(name, "a number of samples from 0");
  };
  RETURN_IF_ERROR(read("max_error", rule.max_error));
  RETURN_IF_ERROR(read("max_length_increase", rule.max_length_increase));
  RETURN_IF_ERROR(read("max_overrun_increase", rule.max_overrun_increase));
  RETURN_IF_ERROR(ReadAlpha(fields, "more_length_alpha", rule.more_length_alpha));
  RETURN_IF_ERROR(ReadAlpha(fields, "more_overrun_alpha", rule.more_overrun_alpha));
  return rule;
}

}  // namespace

std::vector<std::string> GatePolicyNames() {
  std::vector<std::string> names;
  for (const BuiltIn& policy : kBuiltIn) names.emplace_back(policy.name);
  return names;
}

absl::StatusOr<GatePolicy> GatePolicyFromJson(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  RETURN_IF_ERROR(fields.CheckKnown(
      {"schema", "name", "about", "complete", "outputs", "accuracy", "kv_bytes", "latency", "finish"}));
  int schema = 0;
  RETURN_IF_ERROR(fields.Read("schema", schema));
  if (schema != kPolicySchema) return fields.Error("schema", fmt::format("{}", kPolicySchema));
  GatePolicy policy;
  RETURN_IF_ERROR(fields.Read("name", policy.name));
  std::optional<std::string> about;
  RETURN_IF_ERROR(fields.Read("about", about));
  if (fields.Has("complete")) RETURN_IF_ERROR(fields.Read("complete", policy.complete));
  std::optional<std::string> outputs;
  RETURN_IF_ERROR(fields.Read("outputs", outputs));
  if (outputs && *outputs != "identical") return fields.Error("outputs", "\"identical\"");
  policy.identical_outputs = outputs.has_value();
  if (fields.Has("accuracy")) {
    ASSIGN_OR_RETURN(policy.accuracy, ReadAccuracy(object["accuracy"], fields.Nested("accuracy")));
  }
  if (fields.Has("kv_bytes")) {
    ASSIGN_OR_RETURN(policy.kv_bytes, ReadKv(object["kv_bytes"], fields, fields.Nested("kv_bytes")));
  }
  if (fields.Has("latency")) {
    ASSIGN_OR_RETURN(policy.latency, ReadLatency(object["latency"], fields.Nested("latency")));
  }
  if (fields.Has("finish")) {
    ASSIGN_OR_RETURN(policy.finish, ReadFinish(object["finish"], fields.Nested("finish")));
  }
  return policy;
}

absl::StatusOr<GatePolicy> LoadGatePolicy(const std::string& name) {
  for (const BuiltIn& policy : kBuiltIn) {
    if (policy.name != name) continue;
    ASSIGN_OR_RETURN(const json object, ParseJson(policy.content(), name));
    return GatePolicyFromJson(object, name);
  }
  ASSIGN_OR_RETURN(const json object, ReadJsonFile(name));
  return GatePolicyFromJson(object, name);
}

}  // namespace kvscope
