// Accuracy of parts of the questions: a picture a method, the uncompressed run in each; and by kind.
#include <algorithm>
#include <map>
#include <vector>

#include "eval/report/charts/line_chart.h"
#include "eval/report/charts/row_chart.h"
#include "eval/report/html/group_charts.h"
#include "eval/report/html/method_styles.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using Slices = std::vector<Slice> ReportRow::*;

// Those that hold a question in some run.
std::vector<size_t> UsedSlices(const ReportGroup& group, Slices slices) {
  std::vector<size_t> used;
  for (size_t s = 0; s < (group.rows.front().*slices).size(); ++s)
    if (std::ranges::any_of(group.rows, [&](const ReportRow& row) { return (row.*slices)[s].questions > 0; }))
      used.push_back(s);
  return used;
}

std::vector<std::optional<MeanInterval>> Accuracies(const ReportRow& row, Slices slices,
                                                    const std::vector<size_t>& used) {
  // Wider than this an interval says nothing, and its line hides the others.
  constexpr double kWidest = 50;
  std::vector<std::optional<MeanInterval>> values;
  for (const size_t s : used) {
    values.push_back((row.*slices)[s].accuracy);
    if (values.back() && values.back()->half_width.value_or(0) > kWidest) values.back()->half_width.reset();
  }
  return values;
}

// The words that all labels begin with, with the blank behind them.
std::string SharedWords(const std::vector<std::string>& labels) {
  std::string shared = labels.front() + " ";
  for (const std::string& label : labels) {
    const std::string words = label + " ";
    const auto differs = std::ranges::mismatch(shared, words).in1;
    shared.resize(static_cast<size_t>(differs - shared.begin()));
    shared.resize(shared.rfind(' ') + 1);
  }
  return shared;
}

// The runs that share a picture: those of a method, those of its prefill budgets apart where they are many.
// The uncompressed run is in every picture and needs none of its own, unless it is alone.
std::vector<std::vector<const ReportRow*>> Panels(const ReportGroup& group, const ReportRow* full) {
  constexpr size_t kMostLines = 6;
  std::map<std::string, size_t> runs_of;
  for (const ReportRow& row : group.rows) ++runs_of[row.run.config.method];
  std::vector<std::vector<const ReportRow*>> panels;
  for (const ReportRow& row : group.rows) {
    if (&row == full && group.rows.size() > 1) continue;
    const RunConfig& config = row.run.config;
    const auto belongs = [&](const std::vector<const ReportRow*>& panel) {
      const RunConfig& first = panel.front()->run.config;
      return first.method == config.method &&
             (runs_of[config.method] <= kMostLines || first.prefill_budget == config.prefill_budget);
    };
    const auto found = std::ranges::find_if(panels, belongs);
    if (found == panels.end())
      panels.push_back({&row});
    else
      found->push_back(&row);
  }
  return panels;
}

bool DrawPanels(const ReportGroup& group, Slices slices, const std::string& id, const std::string& title,
                const std::string& x_label, Markup& out) {
  const std::vector<size_t> used = UsedSlices(group, slices);
  if (used.empty()) return false;
  LineChart blank;
  blank.x_label = x_label;
  for (const size_t s : used) blank.classes.push_back((group.rows.front().*slices)[s].name);
  const ReportRow* full = FindUncompressed(group);
  if (full != nullptr && group.rows.size() > 1)
    blank.series.push_back({full->label, kReferenceStyle, Accuracies(*full, slices, used)});

  const Element panels(out, "div", {{"class", "panels"}});
  int number = 0;
  for (const std::vector<const ReportRow*>& rows : Panels(group, full)) {
    std::vector<std::string> labels;
    for (const ReportRow* row : rows) labels.push_back(row->label);
    // What the lines share is the caption, the rest stands at their ends; a single line is named by the
    // caption.
    const std::string shared = rows.size() == 1 ? labels.front() : SharedWords(labels);
    LineChart chart = blank;
    for (size_t i = 0; i < rows.size(); ++i)
      chart.series.push_back({labels[i].substr(shared.size()), SeriesStyle::Of(static_cast<int>(i)),
                              Accuracies(*rows[i], slices, used)});
    chart.text = {fmt::format("{}-{}", id, ++number), fmt::format("{}: {}", title, shared),
                  fmt::format("Line chart with a line for each of: {}. Every value is in the table below.",
                              fmt::join(labels, "; "))};
    const Element figure(out, "figure", {{"class", "panel"}});
    out.Leaf("figcaption", shared);
    Draw(chart, out);
  }
  return true;
}

}  // namespace

bool DrawAlongOutput(const ReportGroup& group, const std::string& id, Markup& out) {
  return DrawPanels(group, &ReportRow::by_index, id, "Accuracy along the output",
                    "question's place in the output", out);
}

bool DrawByDistance(const ReportGroup& group, const std::string& id, Markup& out) {
  return DrawPanels(group, &ReportRow::by_distance, id, "Accuracy by distance of the reference",
                    "questions back to the answer needed", out);
}

bool DrawByKind(const ReportGroup& group, const std::string& id, Markup& out) {
  const std::vector<size_t> used = UsedSlices(group, &ReportRow::by_kind);
  if (used.empty()) return false;
  RowChart chart;
  chart.text = {id, "Accuracy by kind of question",
                "A row a run, a mark a kind, with 95 % intervals. Every value is in the table below."};
  chart.x_label = "% right";
  chart.x_limit = 100;
  for (const size_t s : used) chart.series.push_back(group.rows.front().by_kind[s].name);
  for (const ReportRow& row : group.rows)
    chart.rows.push_back({row.label, Accuracies(row, &ReportRow::by_kind, used)});
  DrawDots(chart, out);
  return true;
}

}  // namespace kvscope
