#include "eval/verify/duplicates.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

// Fields of a configuration that may differ and leave every token the same.
constexpr std::array<std::string_view, 9> kNeedNotMatter = {
    "device", "kv", "limit", "max_new_tokens", "mode", "precision", "seed", "source", "threads"};
constexpr std::string_view kFullCache = "full";

const SampleRecord* FindSample(const JudgedRun& run, const SampleRecord& like) {
  const auto found = std::ranges::find(
      run.samples, like.sample, [](const JudgedSample& s) -> const std::string& { return s.record.sample; });
  if (found == run.samples.end() || found->record.prompt_sha256 != like.prompt_sha256) return nullptr;
  return &found->record;
}

bool Failed(const SampleRecord& record) { return record.finish == FinishReason::kError; }

bool SameOutput(const SampleRecord& a, const SampleRecord& b) {
  if (a.token_ids_sha256 && b.token_ids_sha256) return *a.token_ids_sha256 == *b.token_ids_sha256;
  return a.text == b.text;
}

// Number of samples that both answered, all with the same output; 0 when one differs.
size_t SharedOutputs(const JudgedRun& a, const JudgedRun& b) {
  if (a.run.config.task != b.run.config.task) return 0;
  size_t shared = 0;
  for (const JudgedSample& sample : a.samples) {
    const SampleRecord* other = FindSample(b, sample.record);
    if (other == nullptr || Failed(sample.record) || Failed(*other)) continue;
    if (!SameOutput(sample.record, *other)) return 0;
    ++shared;
  }
  return shared;
}

struct Cluster {
  std::vector<const JudgedRun*> runs;  // all equal to the first
  size_t shared = 0;                   // fewest samples that one of them shares with it
};

std::vector<Cluster> ClusterByOutputs(std::span<const JudgedRun> runs) {
  std::vector<Cluster> clusters;
  for (const JudgedRun& run : runs) {
    bool joined = false;
    for (Cluster& cluster : clusters) {
      const size_t shared = SharedOutputs(*cluster.runs.front(), run);
      if (shared == 0) continue;
      cluster.shared = cluster.runs.size() == 1 ? shared : std::min(cluster.shared, shared);
      cluster.runs.push_back(&run);
      joined = true;
      break;
    }
    if (!joined) clusters.push_back({.runs = {&run}, .shared = 0});
  }
  return clusters;
}

// "method (h2o+h2o, h2o+slide) and window (512, 1024)"; empty where nothing that matters differs.
std::string Differences(const Cluster& cluster) {
  std::map<std::string, std::set<std::string>> values;
  for (const JudgedRun* run : cluster.runs) {
    const nlohmann::json config = ToJson(run->run.config);
    for (const auto& [field, value] : config.items())
      values[field].insert(value.is_string() ? value.get<std::string>() : DumpJson(value));
  }
  std::vector<std::string> parts;
  for (const auto& [field, found] : values) {
    const bool matters = std::ranges::find(kNeedNotMatter, field) == kNeedNotMatter.end();
    if (matters && found.size() > 1) parts.push_back(fmt::format("{} ({})", field, fmt::join(found, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::optional<Finding> FindSameOutputs(const Cluster& cluster) {
  const std::string differences = Differences(cluster);
  if (differences.empty()) return std::nullopt;
  Finding finding;
  for (const JudgedRun* run : cluster.runs) {
    finding.runs.push_back(run->folder);
    if (run->run.config.method == kFullCache) finding.kind = FindingKind::kInactive;
  }
  finding.message = fmt::format("the same outputs in all {} shared samples, although they differ in {}",
                                cluster.shared, differences);
  if (finding.kind == FindingKind::kInactive)
    finding.message += "; what the full cache writes, so these methods were inactive";
  return finding;
}

// The largest value of an optional field; nullopt unless every sample has it.
std::optional<int> Largest(const JudgedRun& run, std::optional<int> SampleRecord::*field) {
  std::optional<int> largest;
  for (const JudgedSample& sample : run.samples) {
    const std::optional<int>& value = sample.record.*field;
    if (!value) return std::nullopt;
    largest = std::max(largest.value_or(*value), *value);
  }
  return largest;
}

bool NeverEvicted(const JudgedRun& run) {
  return !run.samples.empty() && std::ranges::all_of(run.samples, [](const JudgedSample& sample) {
    return sample.record.kv && sample.record.kv->evictions == 0;
  });
}

// The fewest tokens that decoding may hold, past those of the prompt: where the budget grows with the output
// it begins with the recent ones.
std::optional<int> SmallestWindow(const RunConfig& config) {
  const bool grows = config.method.ends_with("+adaptive") || config.method.ends_with("+discontinuous");
  return grows ? config.recent : config.window;
}

void AppendUnboundBudgets(const JudgedRun& run, std::vector<Finding>& findings) {
  const RunConfig& config = run.run.config;
  const auto add = [&](std::string message) {
    findings.push_back({FindingKind::kBudgetNeverBinds, {run.folder}, std::move(message)});
  };
  if (!config.prefill_budget && !config.window) return;
  if (NeverEvicted(run)) {
    add(fmt::format("the budget of {} never binds: no eviction in {} samples", config.method,
                    run.samples.size()));
    return;
  }
  const std::optional<int> prompt = Largest(run, &SampleRecord::prompt_tokens);
  if (config.prefill_budget && prompt && *prompt <= *config.prefill_budget)
    add(fmt::format("the prefill budget of {} tokens never binds: the longest prompt has {}",
                    *config.prefill_budget, *prompt));
  const std::optional<int> output = Largest(run, &SampleRecord::output_tokens);
  const std::optional<int> window = SmallestWindow(config);
  if (window && output && *output <= *window)
    add(fmt::format("the decode budget of {} tokens never binds: the longest output has {}", *window,
                    *output));
}

}  // namespace

std::string_view Name(FindingKind kind) {
  switch (kind) {
    case FindingKind::kSameOutputs:
      return "same_outputs";
    case FindingKind::kInactive:
      return "inactive";
    case FindingKind::kBudgetNeverBinds:
      return "budget_never_binds";
  }
  return "same_outputs";
}

std::vector<Finding> FindDuplicates(std::span<const JudgedRun> runs) {
  std::vector<Finding> findings;
  for (const Cluster& cluster : ClusterByOutputs(runs))
    if (auto finding = FindSameOutputs(cluster)) findings.push_back(*std::move(finding));
  for (const JudgedRun& run : runs) AppendUnboundBudgets(run, findings);
  return findings;
}

nlohmann::json ToJson(const Finding& finding) {
  return {{"kind", Name(finding.kind)}, {"runs", finding.runs}, {"message", finding.message}};
}

}  // namespace kvscope
