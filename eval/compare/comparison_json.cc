#include "eval/compare/comparison_json.h"

#include "eval/scorers/score.h"

namespace kvscope {
namespace {

using nlohmann::json;

template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

// Shares become percent; points stay what they are.
json Percent(double share) { return RoundedPercent(100 * share); }

json PercentOrNull(const std::optional<double>& share) { return share ? Percent(*share) : json(); }

json PointsOrNull(const std::optional<double>& points) {
  return points ? json(RoundedPercent(*points)) : json();
}

json PointsOrNull(const std::optional<Interval>& points) {
  return points ? json({RoundedPercent(points->low), RoundedPercent(points->high)}) : json();
}

json RatiosOrNull(const std::optional<Interval>& ratios) {
  return ratios ? json({ratios->low, ratios->high}) : json();
}

json OfRun(const ComparedRun& run) {
  json report = {{"run", run.folder},           {"run_id", run.run_id},
                 {"method", run.config.method}, {"config", ToJson(run.config)},
                 {"finish", run.finish},        {"overrun", run.overrun},
                 {"accuracy", json()}};
  if (!run.accuracy) return report;
  const ClusteredAccuracy& accuracy = *run.accuracy;
  std::optional<Interval> interval = accuracy.interval;
  if (interval) interval = {100 * interval->low, 100 * interval->high};
  report["accuracy"] = {{"percent", Percent(accuracy.accuracy)},
                        {"interval_percent", PointsOrNull(interval)},
                        {"standard_error_points", PercentOrNull(accuracy.standard_error)},
                        {"questions", accuracy.questions},
                        {"design_effect", OrNull(accuracy.design_effect)},
                        {"effective_questions", OrNull(accuracy.effective_questions)},
                        {"intraclass_correlation", OrNull(accuracy.intraclass_correlation)}};
  return report;
}

json OfAccuracy(const AccuracyDifference& accuracy) {
  return {{"difference_points", RoundedPercent(accuracy.points)},
          {"standard_deviation_points",
           accuracy.paired ? json(RoundedPercent(accuracy.paired->standard_deviation)) : json()},
          {"t_interval_points", PointsOrNull(accuracy.t_interval)},
          {"bootstrap_interval_points", PointsOrNull(accuracy.bootstrap_interval)},
          {"detectable_points", PointsOrNull(accuracy.detectable_points)},
          {"questions", accuracy.questions},
          {"sign_flip_p", accuracy.sign_flip_p},
          {"adjusted_p", accuracy.adjusted_p},
          {"base_only", accuracy.discordant.base_only},
          {"candidate_only", accuracy.discordant.candidate_only},
          {"naive_mcnemar_p", accuracy.naive_mcnemar_p},
          {"clustered_mcnemar_p", OrNull(accuracy.clustered_mcnemar_p)},
          {"equivalence_p", OrNull(accuracy.equivalence_p)},
          {"non_inferiority_p", OrNull(accuracy.non_inferiority_p)}};
}

json OfKv(const std::optional<KvDifference>& kv) {
  if (!kv) return json();
  return {{"base_peak_bytes", kv->base_peak_bytes},
          {"candidate_peak_bytes", kv->candidate_peak_bytes},
          {"difference_bytes", kv->candidate_peak_bytes - kv->base_peak_bytes},
          {"ratio", kv->Ratio()},
          {"samples_that_differ", kv->samples_that_differ}};
}

json OfLatency(const std::vector<LatencyRatio>& latency) {
  json report = json::object();
  for (const LatencyRatio& metric : latency)
    report[metric.times.metric] = {{"ratio", metric.ratio.ratio},
                                   {"interval", RatiosOrNull(metric.ratio.interval)},
                                   {"pairs", metric.ratio.pairs},
                                   {"unit", metric.times.unit}};
  return report;
}

json OfPrompts(const DiscordantCounts& counts) {
  return {{"base_only", counts.base_only},
          {"candidate_only", counts.candidate_only},
          {"increase_p", IncreaseP(counts)}};
}

json OfCell(const CellComparison& cell) {
  return {{"name", cell.name},
          {"verdict", Name(cell.verdict)},
          {"prompts", cell.prompts},
          {"outputs_that_differ", cell.outputs_that_differ},
          {"base", OfRun(cell.base)},
          {"candidate", OfRun(cell.candidate)},
          {"length", OfPrompts(cell.length)},
          {"overrun", OfPrompts(cell.overrun)},
          {"accuracy", OfAccuracy(cell.accuracy)},
          {"kv", OfKv(cell.kv)},
          {"latency", OfLatency(cell.latency)},
          {"differences", cell.differences},
          {"mismatches", cell.mismatches},
          {"gaps", cell.gaps}};
}

}  // namespace

json ToJson(const Comparison& comparison) {
  const CompareOptions& options = comparison.options;
  json cells = json::array();
  for (const CellComparison& cell : comparison.cells) cells.push_back(OfCell(cell));
  return {{"options",
           {{"scorer", options.scorer},
            {"seed", options.seed},
            {"alpha", options.alpha},
            {"margin_points", OrNull(options.margin_points)},
            {"allow", options.allow}}},
          {"complete", comparison.IsComplete()},
          {"gaps", comparison.gaps},
          {"cells", std::move(cells)}};
}

}  // namespace kvscope
