#include "eval/compare/gate.h"

#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace kvscope {
namespace {

// Whether a quantity with this interval is at least `limit`. `wide` is the interval of the stricter level
// that a failure takes.
GateOutcome AtLeast(double limit, const Interval& interval, const Interval& wide) {
  if (interval.low >= limit) return GateOutcome::kPass;
  return wide.high < limit ? GateOutcome::kFail : GateOutcome::kInconclusive;
}

int CountOf(const ComparedRun& run, FinishReason reason) {
  const auto found = run.finish.find(std::string(Name(reason)));
  return found == run.finish.end() ? 0 : found->second;
}

class Gate {
 public:
  Gate(const GatePolicy& policy, size_t cells, GateResult& result)
      : policy_(policy), cells_(cells), result_(result) {}

  void Check(const CellComparison& cell) {
    cell_ = &cell;
    if (policy_.complete) CheckComplete();
    if (policy_.identical_outputs) CheckOutputs();
    if (policy_.accuracy) CheckAccuracy(*policy_.accuracy);
    if (policy_.kv_bytes) CheckKv(*policy_.kv_bytes);
    if (policy_.latency) CheckLatency(*policy_.latency);
    if (policy_.finish) CheckFinish(*policy_.finish);
  }

 private:
  void Add(std::string_view rule, GateOutcome outcome, std::string message) {
    result_.checks.push_back({cell_->name, std::string(rule), outcome, std::move(message)});
  }

  void CheckComplete() {
    if (cell_->gaps.empty())
      Add("complete", GateOutcome::kPass, fmt::format("{} prompts in both runs", cell_->prompts));
    else
      Add("complete", GateOutcome::kIncomplete, fmt::format("{}", fmt::join(cell_->gaps, "; ")));
  }

  void CheckOutputs() {
    if (cell_->prompts == 0) return Add("outputs", GateOutcome::kIncomplete, "no prompt is in both runs");
    Add("outputs", cell_->outputs_that_differ == 0 ? GateOutcome::kPass : GateOutcome::kFail,
        fmt::format("{} of {} outputs differ, none may", cell_->outputs_that_differ, cell_->prompts));
  }

  void CheckAccuracy(const AccuracyRule& rule) {
    if (!cell_->accuracy.paired)
      return Add("accuracy", GateOutcome::kIncomplete,
                 fmt::format("{} prompts in both runs, two are needed", cell_->prompts));
    const Interval interval = TInterval(*cell_->accuracy.paired, 1 - 2 * rule.alpha);
    Add("accuracy", JudgeAccuracy(*cell_->accuracy.paired, rule, cells_),
        fmt::format("{:+.2f} points, {:.0f} % interval [{:+.2f}, {:+.2f}]; at least {:+.2f} demanded",
                    cell_->accuracy.points, 100 * (1 - 2 * rule.alpha), interval.low, interval.high,
                    -rule.margin_points));
  }

  void CheckKv(const KvRule& rule) {
    if (!cell_->kv) return Add("kv_bytes", GateOutcome::kIncomplete, "a run does not say its cache's bytes");
    const KvDifference& kv = *cell_->kv;
    const bool pass = rule.at_most_ratio ? kv.Ratio() <= *rule.at_most_ratio : kv.samples_that_differ == 0;
    Add("kv_bytes", pass ? GateOutcome::kPass : GateOutcome::kFail,
        fmt::format("peak {:.0f} -> {:.0f} bytes, ratio {:.4f}, {} of {} samples differ; {} demanded",
                    kv.base_peak_bytes, kv.candidate_peak_bytes, kv.Ratio(), kv.samples_that_differ,
                    cell_->prompts,
                    rule.at_most_ratio ? fmt::format("at most {}", *rule.at_most_ratio) : "no difference"));
  }

  void CheckLatency(const LatencyRule& rule) {
    const auto metric = std::ranges::find(cell_->latency, rule.metric,
                                          [](const LatencyRatio& ratio) { return ratio.times.metric; });
    if (metric == cell_->latency.end())
      return Add("latency", GateOutcome::kIncomplete,
                 fmt::format("no times of {} that both runs have", rule.metric));
    const auto interval_at = [&](double alpha) {
      return RatioOfPairs(metric->times.log_ratios, 1 - 2 * alpha)->interval;
    };
    const std::optional<Interval> interval = interval_at(rule.alpha);
    if (!interval)
      return Add("latency", GateOutcome::kInconclusive,
                 fmt::format("{} {:.3f} times the base over {} {}s, too few for an interval", rule.metric,
                             metric->ratio.ratio, metric->ratio.pairs, metric->times.unit));
    const auto negated = [](const Interval& i) { return Interval{-i.high, -i.low}; };
    const std::optional<Interval> wide = interval_at(rule.alpha / static_cast<double>(cells_));
    GateOutcome outcome = AtLeast(-rule.at_most_ratio, negated(*interval), negated(wide.value_or(*interval)));
    if (outcome == GateOutcome::kFail && !wide) outcome = GateOutcome::kInconclusive;
    Add("latency", outcome,
        fmt::format(
            "{} {:.3f} times the base over {} {}s, {:.0f} % interval [{:.3f}, {:.3f}]; at most {} demanded",
            rule.metric, metric->ratio.ratio, metric->ratio.pairs, metric->times.unit,
            100 * (1 - 2 * rule.alpha), interval->low, interval->high, rule.at_most_ratio));
  }

  void CheckFinish(const FinishRule& rule) {
    const ComparedRun &base = cell_->base, &candidate = cell_->candidate;
    const bool known = !base.finish.contains(kUnknownFinish) && !candidate.finish.contains(kUnknownFinish);
    const auto check = [&](const char* name, const std::optional<int>& limit, int found, bool is_known) {
      if (!limit) return;
      if (!is_known)
        return Add(fmt::format("finish.{}", name), GateOutcome::kIncomplete,
                   "a run does not say why outputs ended");
      Add(fmt::format("finish.{}", name), found <= *limit ? GateOutcome::kPass : GateOutcome::kFail,
          fmt::format("{} samples, at most {} demanded", found, *limit));
    };
    const auto increase = [&](FinishReason reason) {
      return CountOf(candidate, reason) - CountOf(base, reason);
    };
    check("max_error", rule.max_error, CountOf(candidate, FinishReason::kError), known);
    check("max_length_increase", rule.max_length_increase, increase(FinishReason::kLength), known);
    check("max_overrun_increase", rule.max_overrun_increase, candidate.overrun - base.overrun, true);
    CheckIncrease("finish.more_length", rule.more_length_alpha, cell_->length, known);
    CheckIncrease("finish.more_overrun", rule.more_overrun_alpha, cell_->overrun, true);
  }

  void CheckIncrease(std::string_view name, const std::optional<double>& alpha,
                     const DiscordantCounts& prompts, bool is_known) {
    if (!alpha) return;
    if (!is_known) return Add(name, GateOutcome::kIncomplete, "a run does not say why outputs ended");
    Add(name, JudgeIncrease(prompts, *alpha, cells_),
        fmt::format("{} prompts in the candidate only, {} in the base only, one-sided p {:.4f}; above {:.2g} "
                    "demanded",
                    prompts.candidate_only, prompts.base_only, IncreaseP(prompts),
                    *alpha / static_cast<double>(cells_)));
  }

  const GatePolicy& policy_;
  const size_t cells_;
  GateResult& result_;
  const CellComparison* cell_ = nullptr;
};

}  // namespace

std::string_view Name(GateOutcome outcome) {
  switch (outcome) {
    case GateOutcome::kPass:
      return "pass";
    case GateOutcome::kInconclusive:
      return "inconclusive";
    case GateOutcome::kIncomplete:
      return "incomplete";
    case GateOutcome::kFail:
      return "fail";
  }
  return "fail";
}

GateOutcome GateResult::Outcome() const {
  GateOutcome worst = GateOutcome::kPass;
  for (const GateCheck& check : checks) worst = std::max(worst, check.outcome);
  return worst;
}

GateOutcome JudgeAccuracy(const PairedMean& points, const AccuracyRule& rule, size_t cells) {
  return AtLeast(-rule.margin_points, TInterval(points, 1 - 2 * rule.alpha),
                 TInterval(points, 1 - 2 * rule.alpha / static_cast<double>(cells)));
}

GateOutcome JudgeIncrease(const DiscordantCounts& prompts, double alpha, size_t cells) {
  return IncreaseP(prompts) > alpha / static_cast<double>(cells) ? GateOutcome::kPass : GateOutcome::kFail;
}

GateResult CheckGate(const Comparison& comparison, const GatePolicy& policy) {
  GateResult result{.policy = policy.name, .checks = {}};
  Gate gate(policy, comparison.cells.size(), result);
  for (const CellComparison& cell : comparison.cells) gate.Check(cell);
  if (comparison.cells.empty())
    result.checks.push_back(
        {"", "complete", GateOutcome::kIncomplete, "no run has a partner to compare it with"});
  if (policy.complete)
    for (const std::string& gap : comparison.gaps)
      result.checks.push_back({"", "complete", GateOutcome::kIncomplete, gap});
  return result;
}

nlohmann::json ToJson(const GateResult& result) {
  nlohmann::json checks = nlohmann::json::array();
  for (const GateCheck& check : result.checks)
    checks.push_back({{"cell", check.cell},
                      {"rule", check.rule},
                      {"outcome", Name(check.outcome)},
                      {"message", check.message}});
  return {{"policy", result.policy}, {"outcome", Name(result.Outcome())}, {"checks", std::move(checks)}};
}

}  // namespace kvscope
