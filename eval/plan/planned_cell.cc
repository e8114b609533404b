#include "eval/plan/planned_cell.h"

#include <filesystem>
#include <set>
#include <string_view>

#include "CLI/CLI.hpp"
#include "eval/run/cell.h"
#include "eval/run/cell_flags.h"
#include "fmt/format.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "runtime/methods/method.h"

namespace kvscope {
namespace {

// The parser of `kvscope run` reads the flags: a plan knows what that knows.
absl::StatusOr<RunRequest> Parse(const CellFlags& flags, const std::string& where) {
  RunRequest request;
  CLI::App parser;
  parser.set_help_flag();
  AddCellFlags(parser, request);
  AddMethodFlags(parser, request);
  AddEngineFlags(parser, request);
  std::vector<std::string> arguments;  // CLI11 takes them from the back
  for (const auto& [flag, value] : flags) {
    if (parser.get_option_no_throw("--" + flag) == nullptr)
      return absl::InvalidArgumentError(fmt::format("{}: '{}' is no flag of 'kvscope run'", where, flag));
    if (value.is_string())
      arguments.push_back(fmt::format("--{}={}", flag, value.get_ref<const std::string&>()));
    else
      arguments.push_back(fmt::format("--{}={}", flag, value.dump()));
  }
  try {
    parser.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", where, error.what()));
  }
  return request;
}

// Flags that the method does not use, back to what they are when left out.
absl::Status DropUnused(RunRequest& request) {
  const RunRequest defaults;
  ASSIGN_OR_RETURN(const Method method, MakeMethod(request.method, ToSemantics(request.semantics), {}));
  request.method = method.Name();
  if (!UsesPrefillBudget(method)) {
    request.prefill_budget = defaults.prefill_budget;
    request.observation_window = defaults.observation_window;
  }
  if (!UsesWindow(method)) {
    request.window = defaults.window;
    request.head_budget = defaults.head_budget;
  }
  if (!UsesRecent(method)) request.recent = defaults.recent;
  if (!UsesPrefillBudget(method) && !UsesWindow(method)) request.group_score = defaults.group_score;
  return absl::OkStatus();
}

// A name of the catalog as it is; of a path the last part, and a hash that tells it from others.
std::string ModelName(const std::string& model) {
  if (model.find('/') == std::string::npos) return model;
  const std::filesystem::path path(model);
  const std::string last = (path.has_filename() ? path : path.parent_path()).stem().string();
  return fmt::format("{}-{}", last, Sha256Hex(model).substr(0, 8));
}

std::string FolderName(const RunRequest& request) {
  const RunRequest defaults;
  std::string name = fmt::format("{}.{}", ModelName(request.model), request.task);
  const auto add = [&]<typename... Args>(bool there, fmt::format_string<Args...> format, Args&&... args) {
    if (there) name += "." + fmt::format(format, std::forward<Args>(args)...);
  };
  add(!request.length.empty(), "{}", request.length);
  add(request.questions != 0, "{}q", request.questions);
  add(request.seed != defaults.seed, "seed{}", request.seed);
  add(request.filler != 0, "filler{}", request.filler);
  add(request.limit != 0, "limit{}", request.limit);
  add(request.max_new_tokens.has_value(), "T{}", request.max_new_tokens.value_or(0));
  add(request.semantics != defaults.semantics, "{}", request.semantics);
  add(true, "{}", request.method);
  add(request.prefill_budget.has_value(), "C{}", request.prefill_budget.value_or(0));
  add(request.observation_window != defaults.observation_window, "w{}", request.observation_window);
  add(request.window != defaults.window, "W{}", request.window);
  add(request.recent != defaults.recent, "R{}", request.recent);
  add(request.group_score != defaults.group_score, "{}", request.group_score);
  add(request.head_budget != defaults.head_budget, "{}", request.head_budget);
  add(request.per_query_head, "queryheads");
  add(request.precision != defaults.precision, "{}", request.precision);
  add(request.kv != defaults.kv, "{}", request.kv);
  add(request.device != defaults.device, "{}", request.device);
  add(request.timing, "timing");
  add(request.timing && request.threads != 0, "threads{}", request.threads);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && std::string_view("._+-").find(c) == std::string::npos)
      c = '_';
  return name;
}

// `flags` as `kvscope run` would read them, those that the method does not use as if left out.
absl::StatusOr<PlannedCell> PlanCell(const CellFlags& flags, const std::string& where) {
  PlannedCell cell;
  cell.flags = flags;
  ASSIGN_OR_RETURN(cell.request, Parse(flags, where));
  if (const absl::Status status = DropUnused(cell.request); !status.ok())
    return absl::InvalidArgumentError(fmt::format("{}: {}", where, std::string(status.message())));
  cell.name = FolderName(cell.request);
  return cell;
}

}  // namespace

absl::StatusOr<std::vector<PlannedCell>> ReadPlan(const nlohmann::json& plan, const std::string& where,
                                                  const CellFlags& overrides) {
  ASSIGN_OR_RETURN(const std::vector<CellFlags> combinations, ExpandPlan(plan, where, overrides));
  std::vector<PlannedCell> cells;
  std::set<std::string> names;
  for (const CellFlags& flags : combinations) {
    ASSIGN_OR_RETURN(PlannedCell cell, PlanCell(flags, where));
    if (names.insert(cell.name).second) cells.push_back(std::move(cell));
  }
  if (cells.empty()) return absl::InvalidArgumentError(fmt::format("{}: the plan has no cells", where));
  return cells;
}

}  // namespace kvscope
