#include "eval/compare/comparison_text.h"

#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace kvscope {
namespace {

constexpr std::string_view kUnknown = "-";

std::string P(double p) { return p < 1e-4 ? fmt::format("{:.1e}", p) : fmt::format("{:.4f}", p); }

std::string P(const std::optional<double>& p) { return p ? P(*p) : std::string(kUnknown); }

std::string Points(const std::optional<Interval>& interval) {
  return interval ? fmt::format("[{:+.2f}, {:+.2f}]", interval->low, interval->high) : std::string(kUnknown);
}

std::string Accuracy(const ComparedRun& run) {
  if (!run.accuracy) return std::string(kUnknown);
  return fmt::format("{:.2f} %", 100 * run.accuracy->accuracy);
}

std::string AccuracyInFull(const ComparedRun& run) {
  std::string text = Accuracy(run);
  if (run.accuracy && run.accuracy->interval)
    text += fmt::format(" [{:.2f}, {:.2f}]", 100 * run.accuracy->interval->low,
                        100 * run.accuracy->interval->high);
  if (run.accuracy && run.accuracy->design_effect)
    text += fmt::format(" (design effect {:.1f}: worth {:.0f} independent questions)",
                        *run.accuracy->design_effect, run.accuracy->effective_questions.value_or(0));
  return text;
}

std::string Finish(const ComparedRun& run) {
  std::vector<std::string> parts;
  for (const auto& [reason, count] : run.finish) parts.push_back(fmt::format("{} {}", count, reason));
  if (run.overrun > 0) parts.push_back(fmt::format("{} overran", run.overrun));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string Latency(const LatencyRatio& metric) {
  std::string text = fmt::format("{:.3f}", metric.ratio.ratio);
  if (metric.ratio.interval)
    text += fmt::format(" [{:.3f}, {:.3f}]", metric.ratio.interval->low, metric.ratio.interval->high);
  return text;
}

// "no difference shown; 8.80 points would be found with 80 % power"
std::string VerdictInFull(const CellComparison& cell) {
  std::string text(Name(cell.verdict));
  if (cell.verdict != DifferenceVerdict::kNoDifferenceShown) return text;
  if (cell.prompts > 0 && cell.outputs_that_differ == 0) return text + "; the same outputs";
  if (cell.accuracy.detectable_points)
    text += fmt::format("; {:.2f} points would be found with 80 % power", *cell.accuracy.detectable_points);
  return text;
}

std::string CellText(const CellComparison& cell, const CompareOptions& options, size_t cells) {
  const AccuracyDifference& accuracy = cell.accuracy;
  std::string text = fmt::format("{}: {}\n", cell.name, VerdictInFull(cell));
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<12} {}\n", name, value);
  };
  line("base", fmt::format("{}  {}", AccuracyInFull(cell.base), cell.base.folder));
  line("candidate", fmt::format("{}  {}", AccuracyInFull(cell.candidate), cell.candidate.folder));
  line("difference", fmt::format("{:+.2f} points; {:.0f} % intervals {} (t), {} (cluster bootstrap, seed {})",
                                 accuracy.points, 100 * (1 - options.alpha), Points(accuracy.t_interval),
                                 Points(accuracy.bootstrap_interval), options.seed));
  line("p",
       fmt::format("{} by exact sign flips, {} Holm-adjusted over {} cells; questions right in one only: {} "
                   "base, {} candidate (McNemar: clustered {}, naive {})",
                   P(accuracy.sign_flip_p), P(accuracy.adjusted_p), cells, accuracy.discordant.base_only,
                   accuracy.discordant.candidate_only, P(accuracy.clustered_mcnemar_p),
                   P(accuracy.naive_mcnemar_p)));
  line("prompts",
       fmt::format(
           "{} with {} questions, {} outputs differ; detectable with 80 % power: {} points", cell.prompts,
           accuracy.questions, cell.outputs_that_differ,
           accuracy.detectable_points ? fmt::format("{:.2f}", *accuracy.detectable_points) : kUnknown));
  if (accuracy.equivalence_p)
    line("margin", fmt::format("{} points: equivalence p {}, non-inferiority p {}", *options.margin_points,
                               P(accuracy.equivalence_p), P(accuracy.non_inferiority_p)));
  if (cell.kv)
    line("kv peak",
         fmt::format("{:.0f} -> {:.0f} bytes, ratio {:.4f}, {} samples differ", cell.kv->base_peak_bytes,
                     cell.kv->candidate_peak_bytes, cell.kv->Ratio(), cell.kv->samples_that_differ));
  for (const LatencyRatio& metric : cell.latency)
    line(metric.times.metric, fmt::format("{} times the base over {} {}s", Latency(metric),
                                          metric.ratio.pairs, metric.times.unit));
  line("finish", fmt::format("{} -> {}", Finish(cell.base), Finish(cell.candidate)));
  for (const std::string& difference : cell.differences) line("differs", difference);
  for (const std::string& mismatch : cell.mismatches) line("allowed", mismatch);
  for (const std::string& gap : cell.gaps) line("incomplete", gap);
  return text;
}

// A cell of a Markdown table.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '<') escaped += '\\';
    escaped += c == '\n' || c == '\r' ? ' ' : c;
  }
  return escaped;
}

std::string MarkdownRow(const CellComparison& cell) {
  const auto step = std::ranges::find(cell.latency, "step_p50",
                                      [](const LatencyRatio& ratio) { return ratio.times.metric; });
  return fmt::format("| {} | {} | {} | {:+.2f} {} | {} | {}{} | {} | {} |\n", Escaped(cell.name),
                     Accuracy(cell.base), Accuracy(cell.candidate), cell.accuracy.points,
                     Points(cell.accuracy.t_interval), P(cell.accuracy.adjusted_p), VerdictInFull(cell),
                     cell.gaps.empty() ? "" : " (incomplete)",
                     cell.kv ? fmt::format("{:.4f}", cell.kv->Ratio()) : kUnknown,
                     step == cell.latency.end() ? std::string(kUnknown) : Latency(*step));
}

std::vector<std::string> AllGaps(const Comparison& comparison) {
  std::vector<std::string> gaps = comparison.gaps;
  for (const CellComparison& cell : comparison.cells)
    for (const std::string& gap : cell.gaps) gaps.push_back(fmt::format("{}: {}", cell.name, gap));
  return gaps;
}

// Only what does not pass.
std::string GateTable(const GateResult& gate) {
  std::string rows;
  size_t passed = 0;
  for (const GateCheck& check : gate.checks) {
    if (check.outcome == GateOutcome::kPass)
      ++passed;
    else
      rows += fmt::format("| {} | {} | {} | {} |\n", Name(check.outcome), check.rule, Escaped(check.cell),
                          Escaped(check.message));
  }
  const std::string summary =
      fmt::format("\n{} of {} checks of the gate pass.\n", passed, gate.checks.size());
  return rows.empty() ? summary
                      : summary + "\n| gate | rule | cell | found |\n| --- | --- | --- | --- |\n" + rows;
}

}  // namespace

std::string ToText(const Comparison& comparison, const std::optional<GateResult>& gate) {
  std::string text;
  for (const CellComparison& cell : comparison.cells)
    text += CellText(cell, comparison.options, comparison.cells.size()) + "\n";
  for (const std::string& gap : comparison.gaps) text += fmt::format("incomplete: {}\n", gap);
  if (!gate) return text;
  for (const GateCheck& check : gate->checks)
    text += fmt::format("{:<13} {:<27} {}{}{}\n", Name(check.outcome), check.rule, check.cell,
                        check.cell.empty() ? "" : ": ", check.message);
  return text + fmt::format("gate {}: {}\n", gate->policy, Name(gate->Outcome()));
}

std::string ToMarkdown(const Comparison& comparison, const std::optional<GateResult>& gate) {
  std::string text = "## kvscope compare";
  if (gate) text += fmt::format(": gate `{}` **{}**", gate->policy, Name(gate->Outcome()));
  text += fmt::format(
      "\n\n| cell | base | candidate | difference [{:.0f} %] | p | verdict | KV bytes | step p50 |\n"
      "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |\n",
      100 * (1 - comparison.options.alpha));
  for (const CellComparison& cell : comparison.cells) text += MarkdownRow(cell);
  text += fmt::format(
      "\nScorer {}. Differences in percentage points, t interval over prompts; p by exact sign flips, "
      "Holm-adjusted over {} cells; KV bytes (peak) and step time as ratios to the base.\n",
      comparison.options.scorer, comparison.cells.size());
  if (gate) text += GateTable(*gate);
  const std::vector<std::string> gaps = AllGaps(comparison);
  if (!gaps.empty()) text += "\nIncomplete:\n";
  for (const std::string& gap : gaps) text += fmt::format("- {}\n", Escaped(gap));
  return text;
}

}  // namespace kvscope
