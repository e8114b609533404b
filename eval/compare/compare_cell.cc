#include "eval/compare/compare_cell.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "eval/compare/comparable.h"
#include "eval/stats/bootstrap.h"
#include "eval/stats/detectable_difference.h"
#include "eval/stats/equivalence.h"
#include "eval/stats/sign_flip.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr double kPower = 0.8;
constexpr size_t kMaxListedSamples = 5;

struct SamplePair {
  const JudgedSample* base;
  const JudgedSample* candidate;
};

struct PairedSamples {
  std::vector<SamplePair> pairs;
  std::vector<std::string> only_base;
  std::vector<std::string> only_candidate;
};

// By id and prompt. Both runs' samples are sorted by id.
PairedSamples PairSamples(const JudgedRun& base, const JudgedRun& candidate) {
  std::map<std::pair<std::string, std::string>, const JudgedSample*> left;
  for (const JudgedSample& sample : candidate.samples)
    left[{sample.record.sample, sample.record.prompt_sha256}] = &sample;
  PairedSamples result;
  for (const JudgedSample& sample : base.samples) {
    const auto partner = left.find({sample.record.sample, sample.record.prompt_sha256});
    if (partner == left.end()) {
      result.only_base.push_back(sample.record.sample);
      continue;
    }
    result.pairs.push_back({&sample, partner->second});
    left.erase(partner);
  }
  for (const auto& [key, sample] : left) result.only_candidate.push_back(key.first);
  return result;
}

absl::Status CheckComparable(const RunPair& pair, const CompareOptions& options, CellComparison& cell) {
  std::set<std::string> refused;
  std::vector<std::string> reasons;
  for (const Mismatch& mismatch : FindMismatches(pair.base->run, pair.candidate->run)) {
    if (std::ranges::find(options.allow, mismatch.kind) != options.allow.end()) {
      cell.mismatches.push_back(mismatch.message);
      continue;
    }
    refused.insert(std::string(mismatch.kind));
    reasons.push_back(mismatch.message);
  }
  if (pair.base->run.config.task != pair.candidate->run.config.task)
    return absl::InvalidArgumentError(
        fmt::format("{} and {} cannot be compared: tasks {} and {}", pair.base->folder,
                    pair.candidate->folder, pair.base->run.config.task, pair.candidate->run.config.task));
  if (refused.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{} and {} cannot be compared: {}; `--allow {}` compares them all the same", pair.base->folder,
      pair.candidate->folder, fmt::join(reasons, "; "), fmt::join(refused, ",")));
}

std::vector<std::string> Differences(const RunConfig& base, const RunConfig& candidate) {
  const nlohmann::json from = ToJson(base), to = ToJson(candidate);
  const auto shown = [](const nlohmann::json& value) {
    return value.is_null() ? "none" : value.is_string() ? value.get<std::string>() : DumpJson(value);
  };
  std::vector<std::string> differences;
  for (const auto& [field, value] : from.items())
    if (value != to[field])
      differences.push_back(fmt::format("{}: {} -> {}", field, shown(value), shown(to[field])));
  return differences;
}

ComparedRun Describe(const JudgedRun& run, const std::vector<SamplePair>& pairs,
                     const JudgedSample* SamplePair::*side, const CompareOptions& options) {
  ComparedRun compared{.folder = run.folder, .run_id = RunId(run.run), .config = run.run.config};
  std::vector<ClusterScore> clusters;
  for (const SamplePair& pair : pairs) {
    const JudgedSample& sample = *(pair.*side);
    const SampleScore& score = run.Of(sample, options.scorer);
    clusters.push_back(
        {.correct = score.Count(Verdict::kCorrect), .questions = static_cast<int>(score.questions.size())});
    compared.overrun += score.Overran();
    ++compared.finish[sample.record.finish ? std::string(Name(*sample.record.finish)) : kUnknownFinish];
  }
  compared.accuracy = AccuracyOfClusters(clusters, 1 - options.alpha);
  return compared;
}

DiscordantCounts CountDiscordant(const SampleScore& base, const SampleScore& candidate) {
  DiscordantCounts counts;
  counts.questions = static_cast<int>(std::min(base.questions.size(), candidate.questions.size()));
  for (size_t i = 0; i < static_cast<size_t>(counts.questions); ++i) {
    const bool before = base.questions[i].verdict == Verdict::kCorrect;
    const bool after = candidate.questions[i].verdict == Verdict::kCorrect;
    counts.base_only += before && !after;
    counts.candidate_only += after && !before;
  }
  return counts;
}

AccuracyDifference CompareAccuracy(const RunPair& runs, const std::vector<SamplePair>& pairs,
                                   const CompareOptions& options) {
  AccuracyDifference result;
  std::vector<DiscordantCounts> prompts;
  std::vector<int> gains;  // right answers more than in the base
  for (const SamplePair& pair : pairs) {
    const DiscordantCounts counts = CountDiscordant(runs.base->Of(*pair.base, options.scorer),
                                                    runs.candidate->Of(*pair.candidate, options.scorer));
    if (counts.questions == 0) continue;
    prompts.push_back(counts);
    gains.push_back(counts.candidate_only - counts.base_only);
  }
  result.discordant = Total(prompts);
  result.questions = result.discordant.questions;
  if (prompts.empty()) return result;
  // Over the mean number of questions, so that the prompts' mean is the difference of the two accuracies even
  // where prompts have unequally many.
  const double questions_a_prompt =
      static_cast<double>(result.questions) / static_cast<double>(prompts.size());
  for (const int gain : gains) result.by_prompt.push_back(100 * gain / questions_a_prompt);
  result.points = 100.0 * (result.discordant.candidate_only - result.discordant.base_only) / result.questions;
  result.sign_flip_p = result.adjusted_p = SignFlipP(gains);
  result.naive_mcnemar_p = NaiveMcNemarP(result.discordant);
  result.clustered_mcnemar_p = ClusteredMcNemarP(prompts);
  result.paired = SummarizePaired(result.by_prompt);
  if (!result.paired) return result;
  const double confidence = 1 - options.alpha;
  result.t_interval = TInterval(*result.paired, confidence);
  result.bootstrap_interval =
      BootstrapMeanInterval(result.by_prompt, {.seed = options.seed, .confidence = confidence});
  result.detectable_points =
      DetectableDifference(result.paired->standard_deviation, result.paired->clusters, options.alpha, kPower);
  if (options.margin_points) {
    result.equivalence_p = EquivalenceP(*result.paired, *options.margin_points);
    result.non_inferiority_p = NonInferiorityP(*result.paired, *options.margin_points);
  }
  return result;
}

std::optional<KvDifference> CompareKv(const std::vector<SamplePair>& pairs) {
  if (pairs.empty()) return std::nullopt;
  KvDifference result;
  for (const SamplePair& pair : pairs) {
    const std::optional<KvRecord>&base = pair.base->record.kv, &candidate = pair.candidate->record.kv;
    if (!base || !candidate || base->peak_bytes == 0) return std::nullopt;
    result.base_peak_bytes += static_cast<double>(base->peak_bytes);
    result.candidate_peak_bytes += static_cast<double>(candidate->peak_bytes);
    result.samples_that_differ += base->peak_bytes != candidate->peak_bytes;
  }
  result.base_peak_bytes /= static_cast<double>(pairs.size());
  result.candidate_peak_bytes /= static_cast<double>(pairs.size());
  return result;
}

bool SameOutput(const SampleRecord& a, const SampleRecord& b) {
  if (a.finish != b.finish) return false;
  if (a.token_ids_sha256 && b.token_ids_sha256) return *a.token_ids_sha256 == *b.token_ids_sha256;
  return a.text == b.text;
}

// Of prompts for which `is` holds in one run only.
template <typename Is>
DiscordantCounts CountPrompts(const RunPair& runs, const std::vector<SamplePair>& pairs, Is is) {
  DiscordantCounts counts{.questions = static_cast<int>(pairs.size())};
  for (const SamplePair& pair : pairs) {
    const bool before = is(*runs.base, *pair.base), after = is(*runs.candidate, *pair.candidate);
    counts.base_only += before && !after;
    counts.candidate_only += after && !before;
  }
  return counts;
}

std::string Listed(const std::vector<std::string>& samples) {
  const size_t shown = std::min(samples.size(), kMaxListedSamples);
  std::string list = fmt::format("{}", fmt::join(samples.begin(), samples.begin() + shown, ", "));
  return shown < samples.size() ? list + ", ..." : list;
}

void AppendGaps(const RunPair& pair, const PairedSamples& samples, std::vector<std::string>& gaps) {
  for (const JudgedRun* run : {pair.base, pair.candidate}) {
    if (run->run.status != RunStatus::kComplete)
      gaps.push_back(
          fmt::format("{}: the run is {}: {}", run->folder, Name(run->run.status), run->run.reason));
    gaps.insert(gaps.end(), run->problems.begin(), run->problems.end());
  }
  const auto add = [&](std::string_view side, const std::vector<std::string>& only) {
    if (!only.empty())
      gaps.push_back(fmt::format("{} samples are in the {} only: {}", only.size(), side, Listed(only)));
  };
  add("base", samples.only_base);
  add("candidate", samples.only_candidate);
  if (samples.pairs.empty()) gaps.push_back("no sample is in both runs");
}

// Times of two machines say nothing of the methods.
bool SameMachine(const RunRecord& base, const RunRecord& candidate) {
  const auto field = [](const RunRecord& run, const char* name) {
    return run.machine.value(name, nlohmann::json());
  };
  return field(base, "cpu") == field(candidate, "cpu") && field(base, "cores") == field(candidate, "cores");
}

absl::Status CompareTimes(const RunPair& pair, const CompareOptions& options, CellComparison& cell) {
  ASSIGN_OR_RETURN(const RunTimes base, ReadTimes(*pair.base, cell.gaps));
  ASSIGN_OR_RETURN(const RunTimes candidate, ReadTimes(*pair.candidate, cell.gaps));
  if (!SameMachine(pair.base->run, pair.candidate->run)) {
    cell.differences.emplace_back("machine: another one, so times are not compared");
    return absl::OkStatus();
  }
  for (LatencyComparison& times : CompareLatency(base, candidate)) {
    const auto ratio = RatioOfPairs(times.log_ratios, 1 - options.alpha);
    cell.latency.push_back({std::move(times), *ratio});  // there is a ratio where there are pairs
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CellComparison> CompareCell(const RunPair& pair, const CompareOptions& options) {
  CellComparison cell;
  cell.name = pair.name;
  RETURN_IF_ERROR(CheckComparable(pair, options, cell));
  const PairedSamples samples = PairSamples(*pair.base, *pair.candidate);
  cell.base = Describe(*pair.base, samples.pairs, &SamplePair::base, options);
  cell.candidate = Describe(*pair.candidate, samples.pairs, &SamplePair::candidate, options);
  cell.differences = Differences(cell.base.config, cell.candidate.config);
  cell.prompts = static_cast<int>(samples.pairs.size());
  for (const SamplePair& sample : samples.pairs)
    cell.outputs_that_differ += !SameOutput(sample.base->record, sample.candidate->record);
  cell.length = CountPrompts(pair, samples.pairs, [](const JudgedRun&, const JudgedSample& sample) {
    return sample.record.finish == FinishReason::kLength;
  });
  cell.overrun = CountPrompts(pair, samples.pairs, [&](const JudgedRun& run, const JudgedSample& sample) {
    return run.Of(sample, options.scorer).Overran();
  });
  cell.accuracy = CompareAccuracy(pair, samples.pairs, options);
  cell.kv = CompareKv(samples.pairs);
  AppendGaps(pair, samples, cell.gaps);
  RETURN_IF_ERROR(CompareTimes(pair, options, cell));
  return cell;
}

}  // namespace kvscope
