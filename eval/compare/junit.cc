#include "eval/compare/junit.h"

#include <algorithm>
#include <string_view>

#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

constexpr std::string_view kWholeComparison = "all cells";

// For an attribute. XML 1.0 has no way to write most control characters, and wants valid UTF-8.
std::string Escaped(std::string_view text) {
  // A JSON string makes invalid UTF-8 U+FFFD.
  const std::string valid =
      nlohmann::json::parse(DumpJson(nlohmann::json(std::string(text)))).get<std::string>();
  std::string escaped;
  for (const char c : valid) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      case '\t':
        escaped += "&#9;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

std::string_view ElementOf(GateOutcome outcome) {
  switch (outcome) {
    case GateOutcome::kPass:
      return "system-out";
    case GateOutcome::kInconclusive:
      return "skipped";
    case GateOutcome::kIncomplete:
      return "error";
    case GateOutcome::kFail:
      return "failure";
  }
  return "failure";
}

std::string TestCase(const GateCheck& check, std::string_view cell) {
  std::string xml =
      fmt::format("    <testcase classname=\"{}\" name=\"{}\"", Escaped(cell), Escaped(check.rule));
  const std::string message = Escaped(fmt::format("{}: {}", Name(check.outcome), check.message));
  if (check.outcome == GateOutcome::kPass)
    return xml + fmt::format("><system-out>{}</system-out></testcase>\n", message);
  return xml + fmt::format("><{} message=\"{}\"/></testcase>\n", ElementOf(check.outcome), message);
}

struct Counts {
  size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

Counts Count(const std::vector<const GateCheck*>& checks) {
  const auto with = [&](GateOutcome outcome) {
    return static_cast<size_t>(
        std::ranges::count_if(checks, [&](const GateCheck* check) { return check->outcome == outcome; }));
  };
  return {checks.size(), with(GateOutcome::kFail), with(GateOutcome::kIncomplete),
          with(GateOutcome::kInconclusive)};
}

std::string Opening(std::string_view element, std::string_view name, const Counts& counts) {
  return fmt::format("<{} name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n", element,
                     Escaped(name), counts.tests, counts.failures, counts.errors, counts.skipped);
}

}  // namespace

std::string ToJUnit(const GateResult& result) {
  std::vector<std::pair<std::string, std::vector<const GateCheck*>>> suites;
  std::vector<const GateCheck*> all;
  for (const GateCheck& check : result.checks) {
    const std::string cell = check.cell.empty() ? std::string(kWholeComparison) : check.cell;
    if (suites.empty() || suites.back().first != cell) suites.push_back({cell, {}});
    suites.back().second.push_back(&check);
    all.push_back(&check);
  }
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml += Opening("testsuites", fmt::format("kvscope compare --gate {}", result.policy), Count(all));
  for (const auto& [cell, checks] : suites) {
    xml += "  " + Opening("testsuite", cell, Count(checks));
    for (const GateCheck* check : checks) xml += TestCase(*check, cell);
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace kvscope
