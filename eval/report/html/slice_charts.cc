// Accuracy of parts of the questions: a picture a method, the uncompressed run in each; and by kind.
#include <algorithm>
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

// The runs of one method but for the uncompressed one.
std::vector<const ReportRow*> RunsOf(const ReportGroup& group, const std::string& method,
                                     const ReportRow* full) {
  std::vector<const ReportRow*> rows;
  for (const ReportRow& row : group.rows)
    if (row.run.config.method == method && &row != full) rows.push_back(&row);
  return rows;
}

bool DrawPanels(const ReportGroup& group, Slices slices, const std::string& id, const std::string& title,
                const std::string& x_label, Markup& out) {
  const std::vector<size_t> used = UsedSlices(group, slices);
  if (used.empty()) return false;
  LineChart blank;
  blank.x_label = x_label;
  for (const size_t s : used) blank.classes.push_back((group.rows.front().*slices)[s].name);
  const ReportRow* full = FindUncompressed(group);
  if (full != nullptr)
    blank.series.push_back({full->label, kReferenceStyle, Accuracies(*full, slices, used)});

  std::vector<std::string> methods;
  for (const ReportRow& row : group.rows) {
    if (&row == full && group.rows.size() > 1) continue;
    const std::string& method = row.run.config.method;
    if (std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
  }
  const Element panels(out, "div", {{"class", "panels"}});
  for (size_t m = 0; m < methods.size(); ++m) {
    const std::vector<const ReportRow*> rows = RunsOf(group, methods[m], full);
    std::vector<std::string> labels;
    for (const ReportRow* row : rows) labels.push_back(row->label);
    // One run's label is its method's name and more: all of it is the caption.
    const std::string caption = labels.empty() ? methods[m] : SharedWords(labels);
    LineChart chart = blank;
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string rest = labels.size() == 1 ? std::string() : labels[i].substr(caption.size());
      chart.series.push_back(
          {rest, SeriesStyle::Of(static_cast<int>(i)), Accuracies(*rows[i], slices, used)});
    }
    chart.text = {fmt::format("{}-{}", id, m), fmt::format("{}: {}", title, methods[m]),
                  fmt::format("Line chart with a line for each of: {}. Every value is in the table below.",
                              fmt::join(labels, "; "))};
    const Element figure(out, "figure", {{"class", "panel"}});
    out.Leaf("figcaption", caption);
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
