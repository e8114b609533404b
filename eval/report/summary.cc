#include "eval/report/summary.h"

#include <algorithm>
#include <optional>

#include "eval/report/byte_unit.h"
#include "eval/report/cost_points.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

// A fall along the output that is worth a sentence, in percent points.
constexpr double kNotableFall = 10;

std::string PercentText(const MeanInterval& percent) {
  if (!percent.half_width) return fmt::format("{:.1f} %", percent.mean);
  return fmt::format("{:.1f} ± {:.1f} %", percent.mean, *percent.half_width);
}

std::string Plural(size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// The runs that may be proposed instead of `full`: complete, over the same prompts, with less of the cache.
std::vector<const ReportRow*> Candidates(const ReportGroup& group, const ReportRow& full) {
  std::vector<const ReportRow*> candidates;
  for (const ReportRow& row : group.rows)
    if (row.run.status == RunStatus::kComplete && row.run.data_sha256 == full.run.data_sha256 &&
        row.accuracy && row.kv_share && *row.kv_share < 1)
      candidates.push_back(&row);
  return candidates;
}

std::string Choice(const ReportGroup& group, const ReportRow& full) {
  const std::vector<const ReportRow*> candidates = Candidates(group, full);
  if (candidates.empty())
    return fmt::format("No complete run over the same prompts holds less KV than {}.", full.label);
  const auto loss = [&](const ReportRow* row) { return full.accuracy->mean - row->accuracy->mean; };
  const ReportRow* smallest = nullptr;
  for (const ReportRow* row : candidates)
    if (loss(row) <= kTolerablePoints && (smallest == nullptr || *row->kv_share < *smallest->kv_share))
      smallest = row;
  if (smallest != nullptr)
    return fmt::format("Smallest KV with accuracy within {} points of {}: {} at {:.0f} % of the bytes, {}.",
                       kTolerablePoints, full.label, smallest->label, 100 * *smallest->kv_share,
                       PercentText(*smallest->accuracy));
  const ReportRow* closest = *std::ranges::min_element(candidates, {}, loss);
  return fmt::format(
      "No run with less KV is within {} points of {}. The closest is {}: {}, {:.1f} points less, at "
      "{:.0f} % of the bytes.",
      kTolerablePoints, full.label, closest->label, PercentText(*closest->accuracy), loss(closest),
      100 * *closest->kv_share);
}

std::optional<std::string> Front(const ReportGroup& group) {
  std::vector<CostPoint> points = CostPoints(group, PeakBytes);
  std::ranges::stable_sort(points, {}, &CostPoint::cost);
  std::vector<std::string> labels;
  for (const CostPoint& point : points)
    if (point.on_front) labels.push_back(point.row->label);
  if (labels.empty()) return std::nullopt;
  return fmt::format("Not beaten in both accuracy and KV bytes by any other run, by rising bytes: {}.",
                     fmt::join(labels, ", "));
}

std::optional<std::string> Fastest(const ReportGroup& group, const ReportRow* full) {
  const std::vector<CostPoint> points = CostPoints(group, StepSeconds);
  if (points.size() < 2) return std::nullopt;
  const CostPoint& fastest = *std::ranges::min_element(points, {}, &CostPoint::cost);
  std::string text =
      fmt::format("Fastest decode step (median): {}, {:.3f} ms", fastest.row->label, 1e3 * fastest.cost);
  if (full != nullptr && full != fastest.row && full->times && full->times->step_p50_s > 0)
    text += fmt::format(", {:.0f} % of {}'s", 100 * fastest.cost / full->times->step_p50_s, full->label);
  return text + ".";
}

// The run whose accuracy falls most from the output's first part to its last.
std::optional<std::string> Fall(const ReportGroup& group) {
  const ReportRow* worst = nullptr;
  double largest = kNotableFall;
  for (const ReportRow& row : group.rows) {
    if (row.by_index.size() < 2 || !row.by_index.front().accuracy || !row.by_index.back().accuracy) continue;
    const double fall = row.by_index.front().accuracy->mean - row.by_index.back().accuracy->mean;
    if (fall < largest) continue;
    largest = fall;
    worst = &row;
  }
  if (worst == nullptr) return std::nullopt;
  const Slice &first = worst->by_index.front(), &last = worst->by_index.back();
  return fmt::format(
      "Largest fall along the output: {}, from {:.0f} % in questions {} to {:.0f} % in questions {}.",
      worst->label, first.accuracy->mean, first.name, last.accuracy->mean, last.name);
}

std::string Caveat(const ReportGroup& group) {
  double widest = 0;
  bool any_alike = false;
  for (const ReportRow& row : group.rows) {
    if (!row.accuracy || !row.accuracy->half_width) continue;
    widest = std::max(widest, *row.accuracy->half_width);
    any_alike = any_alike || *row.accuracy->half_width == 0;
  }
  std::string text = fmt::format(
      "Intervals are 95 %, over prompts, up to ± {:.1f} points; each is of one run alone.", widest);
  if (any_alike)
    text += " An interval of 0 means that all prompts scored alike, not that the accuracy is certain.";
  return text +
         " A run picked as best on these prompts will look a little worse on others: confirm a choice with "
         "kvscope "
         "compare, which pairs the prompts.";
}

std::string Extent(const ReportGroup& group, const ReportRow* full) {
  int fewest = group.rows.front().score.samples, most = fewest;
  for (const ReportRow& row : group.rows) {
    fewest = std::min(fewest, row.score.samples);
    most = std::max(most, row.score.samples);
  }
  const std::string prompts = fewest == most ? Plural(static_cast<size_t>(most), "prompt")
                                             : fmt::format("{} to {} prompts", fewest, most);
  std::string text = fmt::format("{} over {}.", Plural(group.rows.size(), "run"), prompts);
  if (full == nullptr) return text + " No uncompressed run to compare with.";
  text += fmt::format(" Uncompressed ({}): {}", full->label, PercentText(*full->accuracy));
  if (full->ledger) text += fmt::format(", {} of KV at its peak", BytesText(full->ledger->peak_bytes));
  return text + ".";
}

}  // namespace

std::vector<SummarySentence> Summarize(const ReportGroup& group) {
  const ReportRow* full = FindUncompressed(group);
  std::vector<SummarySentence> sentences = {{Extent(group, full), "runs"}};
  if (full != nullptr && full->kv_share && group.rows.size() > 1)
    sentences.push_back({Choice(group, *full), "runs"});
  if (auto text = Front(group)) sentences.push_back({*std::move(text), "accuracy-kv"});
  if (auto text = Fastest(group, full)) sentences.push_back({*std::move(text), std::string(kStepSection)});
  if (auto text = Fall(group)) sentences.push_back({*std::move(text), "by-index"});
  sentences.push_back({Caveat(group), std::string(kProvenanceSection)});
  return sentences;
}

}  // namespace kvscope
