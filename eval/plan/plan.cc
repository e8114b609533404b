#include "eval/plan/plan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr std::string_view kTogether = "together", kExclude = "exclude", kGrids = "grids",
                           kDescription = "description";
constexpr std::array kFormKeys = {kTogether, kExclude, kGrids, kDescription};

bool IsFlag(std::string_view key) { return std::ranges::find(kFormKeys, key) == kFormKeys.end(); }

const std::string& Flag(const CellFlags::value_type& item) { return item.first; }

// One way in which flags vary: each choice sets the same flags.
using Axis = std::vector<CellFlags>;

struct Axes {
  std::vector<Axis> list;
  size_t combinations = 1;
};

absl::Status TooManyCells(const std::string& where) {
  return absl::InvalidArgumentError(
      fmt::format("{}: expected at most {} cells, found more", where, kMaxCells));
}

// Fails before a further axis could take memory that no plan needs.
absl::Status Add(Axis axis, const std::string& where, Axes& axes) {
  axes.combinations *= axis.size();
  axes.list.push_back(std::move(axis));
  return axes.combinations <= kMaxCells ? absl::OkStatus() : TooManyCells(where);
}

absl::Status Wrong(const std::string& where, std::string_view key, std::string_view expected,
                   const json& found) {
  return absl::InvalidArgumentError(
      fmt::format("{}: '{}': expected {}, found {}", where, key, expected, DumpJson(found)));
}

bool IsScalar(const json& value) {
  return value.is_string() || value.is_boolean() || value.is_number_integer();
}

absl::StatusOr<json> ExpandRange(const json& range, const std::string& where, const std::string& key) {
  constexpr std::string_view kForm = R"({"from": N, "to": N, "times": N} or {"from": N, "to": N, "plus": N})";
  const bool times = range.contains("times");
  const char* const step_name = times ? "times" : "plus";
  for (const char* name : {"from", "to", step_name})
    if (!range.contains(name) || !range[name].is_number_integer()) return Wrong(where, key, kForm, range);
  if (range.size() != 3) return Wrong(where, key, kForm, range);
  const int64_t from = range["from"].get<int64_t>(), to = range["to"].get<int64_t>();
  const int64_t step = range[step_name].get<int64_t>();
  constexpr int64_t kLargest = INT32_MAX;  // products of two stay in 64 bits
  if (from < 0 || to < from || to > kLargest || step > kLargest || (times ? from < 1 || step < 2 : step < 1))
    return Wrong(where, key, "a range that rises from 'from' to 'to'", range);
  json values = json::array();
  for (int64_t value = from; value <= to && values.size() <= kMaxCells;
       value = times ? value * step : value + step)
    values.push_back(value);
  return values;
}

// The values of a flag: a list of scalars.
absl::StatusOr<json> ValuesOf(const json& value, const std::string& where, const std::string& key) {
  if (IsScalar(value)) return json::array({value});
  if (value.is_object()) return ExpandRange(value, where, key);
  if (!value.is_array() || value.empty() || !std::ranges::all_of(value, IsScalar))
    return Wrong(where, key, "text, a number, true or false, a list of these, or a range", value);
  return value;
}

absl::StatusOr<CellFlags> Assignment(const json& object, const std::string& where, std::string_view key) {
  if (!object.is_object() || object.empty() || !std::ranges::all_of(object, IsScalar))
    return Wrong(where, key, "a list of objects, each with values for some flags", object);
  return object.get<CellFlags>();
}

absl::StatusOr<Axes> AxesOf(const json& grid, const std::string& where, const CellFlags& overrides) {
  Axes axes;
  for (const auto& [key, value] : grid.items()) {
    if (!IsFlag(key) || overrides.contains(key)) continue;
    ASSIGN_OR_RETURN(const json values, ValuesOf(value, where, key));
    Axis axis;
    for (const json& choice : values) axis.push_back({{key, choice}});
    RETURN_IF_ERROR(Add(std::move(axis), where, axes));
  }
  if (!grid.contains(kTogether)) return axes;
  const json& together = grid[kTogether];
  if (!together.is_array() || together.empty())
    return Wrong(where, kTogether, "a list of objects, each with values for some flags", together);
  Axis axis;
  for (const json& object : together) {
    ASSIGN_OR_RETURN(CellFlags choice, Assignment(object, where, kTogether));
    for (const auto& [flag, value] : choice)
      if (!IsFlag(flag) || grid.contains(flag))
        return Wrong(where, kTogether, "flags that the grid does not set elsewhere", object);
    if (!std::ranges::equal(choice, together.front().get<CellFlags>(), {}, Flag, Flag))
      return Wrong(where, kTogether, "the same flags in all objects", object);
    std::erase_if(choice, [&](const auto& item) { return overrides.contains(item.first); });
    axis.push_back(std::move(choice));
  }
  RETURN_IF_ERROR(Add(std::move(axis), where, axes));
  return axes;
}

struct Exclusion {
  std::map<std::string, std::set<json>> values;  // a cell is meant when each flag has one of its values

  bool Matches(const CellFlags& cell) const {
    return std::ranges::all_of(values, [&](const auto& item) {
      const auto flag = cell.find(item.first);
      return flag != cell.end() && item.second.contains(flag->second);
    });
  }
};

absl::StatusOr<std::vector<Exclusion>> ExclusionsOf(const json& grid, const std::string& where) {
  std::vector<Exclusion> exclusions;
  if (!grid.contains(kExclude)) return exclusions;
  if (!grid[kExclude].is_array()) return Wrong(where, kExclude, "a list of objects", grid[kExclude]);
  size_t values_left = kMaxCells;
  for (const json& object : grid[kExclude]) {
    if (!object.is_object() || object.empty()) return Wrong(where, kExclude, "a list of objects", object);
    Exclusion& exclusion = exclusions.emplace_back();
    for (const auto& [key, value] : object.items()) {
      ASSIGN_OR_RETURN(const json values, ValuesOf(value, where, fmt::format("{}.{}", kExclude, key)));
      if (values.size() > values_left)
        return Wrong(where, kExclude, fmt::format("at most {} values", kMaxCells), value);
      values_left -= values.size();
      exclusion.values[key].insert(values.begin(), values.end());
    }
  }
  return exclusions;
}

absl::Status ExpandGrid(const json& grid, const std::string& where, const CellFlags& overrides,
                        std::vector<CellFlags>& cells) {
  ASSIGN_OR_RETURN(const Axes axes, AxesOf(grid, where, overrides));
  if (axes.combinations + cells.size() > kMaxCells) return TooManyCells(where);
  ASSIGN_OR_RETURN(const std::vector<Exclusion> exclusions, ExclusionsOf(grid, where));
  for (size_t index = 0; index < axes.combinations; ++index) {
    CellFlags cell = overrides;
    size_t rest = index;
    for (auto axis = axes.list.rbegin(); axis != axes.list.rend(); ++axis) {
      const CellFlags& choice = (*axis)[rest % axis->size()];
      cell.insert(choice.begin(), choice.end());
      rest /= axis->size();
    }
    if (std::ranges::none_of(exclusions, [&](const Exclusion& e) { return e.Matches(cell); }))
      cells.push_back(std::move(cell));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CellFlags>> ExpandPlan(const json& plan, const std::string& where,
                                                  const CellFlags& overrides) {
  if (!plan.is_object()) return Wrong(where, "plan", "an object", plan);
  if (plan.contains(kDescription) && !plan[kDescription].is_string())
    return Wrong(where, kDescription, "text", plan[kDescription]);
  std::vector<CellFlags> cells;
  if (!plan.contains(kGrids)) {
    RETURN_IF_ERROR(ExpandGrid(plan, where, overrides, cells));
    return cells;
  }
  const json& grids = plan[kGrids];
  if (!grids.is_array() || grids.empty()) return Wrong(where, kGrids, "a list of objects", grids);
  json shared = plan;
  shared.erase(std::string(kGrids));
  for (const json& own : grids) {
    if (!own.is_object() || own.contains(kGrids)) return Wrong(where, kGrids, "a list of objects", own);
    json grid = shared;
    grid.update(own);
    RETURN_IF_ERROR(ExpandGrid(grid, where, overrides, cells));
  }
  return cells;
}

}  // namespace kvscope
