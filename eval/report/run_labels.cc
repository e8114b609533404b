#include "eval/report/run_labels.h"

#include <array>
#include <map>
#include <set>
#include <string>

#include "fmt/format.h"

namespace kvscope {
namespace {

std::string OrNone(const std::optional<int>& value) { return value ? std::to_string(*value) : ""; }
std::string OrNone(const std::optional<std::string>& value) { return value.value_or(""); }

struct Setting {
  std::string_view prefix;
  std::string (*value)(const RunConfig& config);  // empty where the run has none
};

constexpr std::array<Setting, 13> kSettings = {{
    {"R=", [](const RunConfig& c) { return OrNone(c.recent); }},
    {"w=", [](const RunConfig& c) { return OrNone(c.observation_window); }},
    {"group ", [](const RunConfig& c) { return OrNone(c.group_score); }},
    {"heads ", [](const RunConfig& c) { return OrNone(c.head_budget); }},
    {"cached ", [](const RunConfig& c) { return c.cached_heads; }},
    {"", [](const RunConfig& c) { return c.kv; }},
    {"", [](const RunConfig& c) { return c.precision; }},
    {"", [](const RunConfig& c) { return c.device; }},
    {"", [](const RunConfig& c) { return c.mode; }},
    {"threads ", [](const RunConfig& c) { return OrNone(c.threads); }},
    {"seed ", [](const RunConfig& c) { return std::to_string(c.seed); }},
    {"T=", [](const RunConfig& c) { return std::to_string(c.max_new_tokens); }},
    {"limit ", [](const RunConfig& c) { return OrNone(c.limit); }},
}};

std::string BasicLabel(const RunConfig& config) {
  std::string label = config.method;
  if (config.prefill_budget) label += fmt::format(" C={}", *config.prefill_budget);
  if (config.window) label += fmt::format(" W={}", *config.window);
  return label;
}

}  // namespace

void SetLabels(std::vector<ReportRow>& rows) {
  std::map<std::string, std::vector<ReportRow*>> alike;
  for (ReportRow& row : rows) alike[BasicLabel(row.run.config)].push_back(&row);
  for (auto& [label, members] : alike) {
    for (ReportRow* row : members) row->label = label;
    for (const Setting& setting : kSettings) {
      std::set<std::string> values;
      for (const ReportRow* row : members) values.insert(setting.value(row->run.config));
      if (values.size() == 1) continue;
      for (ReportRow* row : members) {
        const std::string value = setting.value(row->run.config);
        if (!value.empty()) row->label += fmt::format(" {}{}", setting.prefix, value);
      }
    }
    std::map<std::string, int> uses;
    for (const ReportRow* row : members) ++uses[row->label];
    for (ReportRow* row : members)
      if (uses[row->label] > 1) row->label += fmt::format(" ({})", row->folder);
  }
}

}  // namespace kvscope
