#include "eval/report/html/html_table.h"

#include <algorithm>
#include <cmath>

#include "eval/report/charts/palette.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr std::string_view kPlusMinus = " ± ";

std::string HeatClass(double shade) {
  const int step = static_cast<int>(std::floor(shade * kHeatColors));
  return fmt::format("heat-{}", std::clamp(step, 0, kHeatColors - 1));
}

// An interval steps back behind its mean.
void WriteCellText(const std::string& text, Markup& out) {
  const size_t at = text.find(kPlusMinus);
  out.Text(text.substr(0, at));
  if (at != std::string::npos) out.Leaf("span", {{"class", "interval-text"}}, text.substr(at));
}

void WriteCell(const TableCell& cell, const TableColumn& column, bool names_line, Markup& out) {
  std::string classes = column.is_text ? "text" : "number";
  if (cell.shade) classes += fmt::format(" {}", HeatClass(*cell.shade));
  if (names_line) {
    const Element header(out, "th", {{"scope", "row"}, {"class", classes}});
    WriteCellText(cell.text, out);
  } else {
    const Element data(out, "td", {{"class", classes}});
    WriteCellText(cell.text, out);
  }
}

void WriteMeanings(const ReportTable& table, Markup& out) {
  const bool any =
      std::ranges::any_of(table.columns, [](const TableColumn& c) { return !c.meaning.empty(); });
  if (!any) return;
  const Element details(out, "details");
  out.Leaf("summary", fmt::format("What the columns of “{}” mean", table.title));
  const Element list(out, "dl");
  for (const TableColumn& column : table.columns) {
    if (column.meaning.empty()) continue;
    out.Leaf("dt", column.name);
    out.Leaf("dd", column.meaning);
  }
}

}  // namespace

void WriteTable(const ReportTable& table, const std::string& anchor, Markup& out) {
  {
    // Wide tables scroll inside this box, with the keyboard too.
    const Element scroller(
        out, "div",
        {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", table.title}});
    const Element element(out, "table", {{"id", anchor}});
    out.Leaf("caption", table.caption);
    {
      const Element head(out, "thead");
      const Element line(out, "tr");
      for (const TableColumn& column : table.columns)
        out.Leaf("th", {{"scope", "col"}, {"class", column.is_text ? "text" : "number"}}, column.name);
    }
    const Element body(out, "tbody");
    for (const auto& cells : table.lines) {
      const Element line(out, "tr");
      for (size_t i = 0; i < cells.size(); ++i) WriteCell(cells[i], table.columns[i], i == 0, out);
    }
  }
  WriteMeanings(table, out);
}

}  // namespace kvscope
