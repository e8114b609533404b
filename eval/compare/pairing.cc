#include "eval/compare/pairing.h"

#include <array>
#include <map>
#include <set>
#include <string_view>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Where an imported run's outputs came from is no setting, and is another for every run.
constexpr std::string_view kNoSetting = "source";
// Part of every name.
constexpr std::array<std::string_view, 4> kAlwaysNamed = {"task", "length", "questions", "method"};
// What a name tells runs apart by, before any other field.
constexpr std::array<std::string_view, 4> kNamedFirst = {"model", "window", "prefill_budget", "recent"};

std::string Shown(const json& value) {
  return value.is_null() ? "none" : value.is_string() ? value.get<std::string>() : DumpJson(value);
}

void CollectAxes(std::span<const JudgedRun> runs, std::set<std::string>& axes) {
  std::map<std::string, std::set<json>> values;
  for (const JudgedRun& run : runs) {
    const json config = ToJson(run.run.config);
    for (const auto& [field, value] : config.items()) values[field].insert(value);
  }
  for (const auto& [field, found] : values)
    if (found.size() > 1 && field != kNoSetting) axes.insert(field);
}

// "task=gsm8k+, window=512": a run's place in the grid.
std::string PlaceOf(const JudgedRun& run, const std::set<std::string>& axes) {
  const json config = ToJson(run.run.config);
  std::vector<std::string> parts;
  for (const std::string& axis : axes) parts.push_back(fmt::format("{}={}", axis, Shown(config[axis])));
  return fmt::format("{}", fmt::join(parts, ", "));
}

using Grid = std::map<std::string, const JudgedRun*>;  // by place

absl::StatusOr<Grid> MakeGrid(std::span<const JudgedRun> runs, const std::set<std::string>& axes) {
  Grid grid;
  for (const JudgedRun& run : runs) {
    const auto [there, is_new] = grid.emplace(PlaceOf(run, axes), &run);
    if (!is_new)
      return absl::InvalidArgumentError(
          fmt::format("{} and {} are runs of the same configuration: which one is meant?",
                      there->second->folder, run.folder));
  }
  return grid;
}

// The axes that tell `runs` apart; others only follow from these.
std::vector<std::string> NamedAxes(std::span<const JudgedRun> runs, const std::set<std::string>& axes) {
  std::vector<std::string> order(kNamedFirst.begin(), kNamedFirst.end());
  order.insert(order.end(), axes.begin(), axes.end());
  std::set<std::string> telling(kAlwaysNamed.begin(), kAlwaysNamed.end());
  const auto groups = [&] {
    std::set<std::string> places;
    for (const JudgedRun& run : runs) places.insert(PlaceOf(run, telling));
    return places.size();
  };
  std::vector<std::string> named;
  for (const std::string& axis : order) {
    if (!axes.contains(axis) || telling.contains(axis)) continue;
    const size_t before = groups();
    telling.insert(axis);
    if (groups() > before)
      named.push_back(axis);
    else
      telling.erase(axis);
  }
  return named;
}

std::string NameOf(const JudgedRun& base, const JudgedRun& candidate, const std::vector<std::string>& axes) {
  const RunConfig &from = base.run.config, &to = candidate.run.config;
  const json config = ToJson(to);
  const std::string size = to.length.empty() ? fmt::format("{} questions", to.questions) : to.length;
  std::string name = fmt::format("{} {}, {}", to.task, size, from.method);
  if (from.method != to.method) name += " -> " + to.method;
  for (const std::string& axis : axes)
    if (!config[axis].is_null()) name += fmt::format(", {}={}", axis, Shown(config[axis]));
  return name;
}

void AppendUnmatched(const Grid& grid, const Grid& other, std::string_view other_side, Pairing& pairing) {
  for (const auto& [place, run] : grid)
    if (!other.contains(place))
      pairing.unmatched.push_back(fmt::format("{}: the {} has no run of {}", run->folder, other_side, place));
}

}  // namespace

absl::StatusOr<Pairing> PairRuns(std::span<const JudgedRun> base, std::span<const JudgedRun> candidate,
                                 bool base_for_all) {
  if (base.empty() || candidate.empty())
    return absl::InvalidArgumentError(
        fmt::format("the {} has no run that can be read", base.empty() ? "base" : "candidate"));
  std::set<std::string> axes;
  if (!base_for_all) CollectAxes(base, axes);
  CollectAxes(candidate, axes);
  ASSIGN_OR_RETURN(const Grid base_grid, MakeGrid(base, axes));
  ASSIGN_OR_RETURN(const Grid candidate_grid, MakeGrid(candidate, axes));
  const std::vector<std::string> named = NamedAxes(candidate, axes);
  Pairing pairing;
  for (const JudgedRun& run : candidate) {
    const auto partner = base_for_all ? base_grid.begin() : base_grid.find(PlaceOf(run, axes));
    if (partner != base_grid.end())
      pairing.pairs.push_back({NameOf(*partner->second, run, named), partner->second, &run});
  }
  if (base_for_all) return pairing;
  AppendUnmatched(base_grid, candidate_grid, "candidate", pairing);
  AppendUnmatched(candidate_grid, base_grid, "base", pairing);
  return pairing;
}

}  // namespace kvscope
