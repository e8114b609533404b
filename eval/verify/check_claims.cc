#include "eval/verify/check_claims.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/metrics/mean_interval.h"
#include "eval/stats/paired_mean.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace kvscope {
namespace {

constexpr std::string_view kOwnSource = "kvscope";  // RunConfig::source of a run that generated its outputs
constexpr const char* kEvenHeads = "uniform";       // how the published code shares budgets out over heads
constexpr double kConfidence = 0.95;
constexpr double kRounding = 1e-9;  // binary fractions of two-digit decimals differ from them by less

std::string Shown(const std::optional<int>& value) { return value ? fmt::format("{}", *value) : "none"; }

// Why `run`, of the claim's task, length and method, cannot answer for it; empty when it can.
std::vector<std::string> Differences(const Claim& claim, const JudgedRun& run) {
  std::vector<std::string> differences;
  const auto compare = [&](std::string_view what, const std::string& found, const std::string& expected) {
    if (found != expected) differences.push_back(fmt::format("{} is {}, not {}", what, found, expected));
  };
  const RunConfig& config = run.run.config;
  if (std::ranges::find(claim.models, config.model) == claim.models.end())
    compare("model", config.model, claim.models.empty() ? "" : claim.models.front());
  compare("prefill budget", Shown(config.prefill_budget), Shown(claim.prefill_budget));
  compare("window", Shown(config.window), Shown(claim.window));
  compare("recent", Shown(config.recent), Shown(claim.recent));
  compare("head budget", config.head_budget.value_or(kEvenHeads), kEvenHeads);
  compare("semantics", config.semantics, claim.semantics);
  if (!run.samples.empty()) compare("prompts' variant", run.samples.front().prompt.variant, claim.variant);
  compare("number of samples", fmt::format("{}", run.samples.size()), fmt::format("{}", claim.samples));
  compare("status", std::string(Name(run.run.status)), std::string(Name(RunStatus::kComplete)));
  return differences;
}

void Measure(const JudgedRun& run, ClaimResult& result) {
  std::vector<double> percents;
  for (const JudgedSample& sample : run.samples)
    percents.push_back(100 * run.Of(sample, result.claim.scorer).Fraction());
  const auto interval = MeanWithInterval(percents);  // claims have samples, so comparable runs do
  result.run = run.folder;
  result.measured = interval->mean;
  result.half_width = interval->half_width;
  double allowed = result.claim.tolerance;
  if (run.run.config.source == kOwnSource) allowed = std::max(allowed, interval->half_width.value_or(0));
  result.verdict = std::abs(*result.Deviation()) <= allowed + kRounding ? ClaimVerdict::kReproduced
                                                                        : ClaimVerdict::kDeviates;
}

// nullopt when fewer than two prompts are in both.
std::optional<PublishedPair> Pair(const JudgedRun& own, const JudgedRun& published, std::string_view scorer) {
  std::map<std::string, double> by_sample;
  for (const JudgedSample& sample : published.samples)
    by_sample[sample.record.sample] = 100 * published.Of(sample, scorer).Fraction();
  std::vector<double> differences;
  for (const JudgedSample& sample : own.samples)
    if (const auto other = by_sample.find(sample.record.sample); other != by_sample.end())
      differences.push_back(100 * own.Of(sample, scorer).Fraction() - other->second);
  const std::optional<PairedMean> mean = SummarizePaired(differences);
  if (!mean) return std::nullopt;
  return PublishedPair{published.folder, mean->clusters, mean->mean, TInterval(*mean, kConfidence)};
}

ClaimResult CheckClaim(const Claim& claim, std::span<const JudgedRun> runs) {
  ClaimResult worst;
  ClaimResult closest;
  worst.claim = closest.claim = claim;
  size_t fewest = 0;
  const JudgedRun* decisive = nullptr;   // the run of `worst`
  const JudgedRun* published = nullptr;  // comparable predictions that kvscope did not generate
  for (const JudgedRun& run : runs) {
    const RunConfig& config = run.run.config;
    if (config.task != claim.task || config.length != claim.length || config.method != claim.method) continue;
    if (const auto differences = Differences(claim, run); !differences.empty()) {
      if (!closest.run.empty() && differences.size() >= fewest) continue;
      fewest = differences.size();
      closest.verdict = ClaimVerdict::kNotComparable;
      closest.run = run.folder;
      closest.reason = fmt::format("{}", fmt::join(differences, "; "));
      continue;
    }
    ClaimResult result;
    result.claim = claim;
    Measure(run, result);
    if (config.source != kOwnSource) published = &run;
    if (worst.measured && std::abs(*result.Deviation()) <= std::abs(*worst.Deviation())) continue;
    worst = result;
    decisive = &run;
  }
  if (decisive == nullptr) return closest;
  if (published != nullptr && decisive->run.config.source == kOwnSource)
    worst.paired = Pair(*decisive, *published, claim.scorer);
  return worst;
}

template <typename T>
nlohmann::json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::optional<double> Rounded(const std::optional<double>& percent) {
  return percent ? std::optional(RoundedPercent(*percent)) : std::nullopt;
}

}  // namespace

std::string_view Name(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kReproduced:
      return "reproduced";
    case ClaimVerdict::kDeviates:
      return "deviates";
    case ClaimVerdict::kNotComparable:
      return "not comparable";
    case ClaimVerdict::kNotRun:
      return "not run";
  }
  return "not run";
}

std::optional<double> ClaimResult::Deviation() const {
  return measured ? std::optional(*measured - claim.value) : std::nullopt;
}

std::vector<ClaimResult> CheckClaims(const ClaimSet& set, std::span<const JudgedRun> runs) {
  std::vector<ClaimResult> results;
  for (const Claim& claim : set.claims) results.push_back(CheckClaim(claim, runs));
  return results;
}

nlohmann::json ToJson(const ClaimResult& result) {
  const Claim& claim = result.claim;
  nlohmann::json paired;
  if (result.paired)
    paired = {{"run", result.paired->run},
              {"prompts", result.paired->prompts},
              {"difference", RoundedPercent(result.paired->difference)},
              {"low", RoundedPercent(result.paired->interval.low)},
              {"high", RoundedPercent(result.paired->interval.high)}};
  return {
      {"id", claim.id},
      {"verdict", Name(result.verdict)},
      {"value", claim.value},
      {"tolerance", claim.tolerance},
      {"file_value", OrNull(claim.file_value)},
      {"measured", OrNull(Rounded(result.measured))},
      {"deviation", OrNull(Rounded(result.Deviation()))},
      {"half_width_95", OrNull(Rounded(result.half_width))},
      {"run", result.run},
      {"paired", std::move(paired)},
      {"reason", result.reason},
      {"source", {{"table", claim.source.table}, {"row", claim.source.row}, {"column", claim.source.column}}},
      {"note", claim.note}};
}

}  // namespace kvscope
