// The knee of a budget curve: the smallest window whose accuracy is not inferior to the full cache's.
//
// Windows are tested in a fixed order, from the largest down, each at the whole alpha, and the search ends at
// the first that does not pass: so the chance of any false claim stays at alpha (fixed-sequence testing;
// Maurer, Hothorn and Lehmacher, "Multiple comparisons in drug clinical trials and preclinical assays:
// a-priori ordered hypotheses", 1995). Within a window, prompts are added look by look and the test stops as
// soon as it can tell (eval/stats/group_sequential.h).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/run/run_cells.h"
#include "nlohmann/json.hpp"

namespace kvscope {

inline constexpr std::string_view kKneeFile = "knee.json";

struct KneeOptions {
  double margin_points = 2;  // largest loss of accuracy, in percentage points, that does not matter
  double alpha = 0.05;       // one-sided, over all windows and looks
  int looks = 4;             // at equal shares of the prompts, of six prompts at least
};

enum class KneeDecision { kNotInferior, kInferior, kUndecided };
std::string_view Name(KneeDecision decision);

// What was found of one window, at the look where the test stopped.
struct KneeStep {
  int window = 0;
  int recent = 0;
  size_t prompts = 0;
  double difference_points = 0;  // mean over prompts of candidate - full
  double not_inferior_p = 1;
  double nominal_alpha = 0;
  KneeDecision decision = KneeDecision::kUndecided;
};

struct Knee {
  std::string cell;               // the curve: name of its largest window's run folder
  std::vector<KneeStep> steps;    // windows tested, largest first
  std::optional<int> window;      // nullopt: not even the largest was shown to be not inferior
  bool smallest_of_plan = false;  // a smaller window might pass: the plan has none
};

// {cell, window, smallest_of_plan, margin_points, alpha, looks, steps: [...]}
nlohmann::json ToJson(const Knee& knee, const KneeOptions& options);

// Runs what the search asks for, into the runs' folders: a window's run has as many samples as were needed,
// so it is partial, and goes on from there when the search or another sweep wants more. `runs`: cells of one
// model; curves are the cells that differ in window and recent only, each tested against the "full" cell over
// the same prompts. InvalidArgument: a curve has none. Other errors: RunCells'.
absl::StatusOr<std::vector<Knee>> FindKnees(std::span<const CellRun> runs, const EngineOptions& engine,
                                            const KneeOptions& options, const RunCallbacks& callbacks);

}  // namespace kvscope
