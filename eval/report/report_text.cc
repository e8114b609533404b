#include "eval/report/report_text.h"

#include <algorithm>
#include <string_view>

#include "eval/report/report_columns.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using Line = std::vector<std::string>;

std::vector<ReportColumn> ShownColumns(bool with_times) {
  std::vector<ReportColumn> columns;
  for (const ReportColumn& column : ReportColumns())
    if (with_times || !column.measures_time) columns.push_back(column);
  return columns;
}

// Columns on a terminal: UTF-8 continuation bytes take none.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& text, size_t width, bool right) {
  const std::string blanks(width - Width(text), ' ');
  return right ? blanks + text : text + blanks;
}

// The first column is text, the others are numbers.
std::string MarkdownTable(const std::vector<Line>& lines) {
  std::vector<size_t> widths(lines.front().size(), 3);
  for (const Line& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  std::string out;
  for (size_t row = 0; row < lines.size(); ++row) {
    out += "|";
    for (size_t i = 0; i < widths.size(); ++i)
      out += fmt::format(" {} |", Padded(lines[row][i], widths[i], i > 0));
    out += "\n";
    if (row > 0) continue;
    out += "|";
    for (size_t i = 0; i < widths.size(); ++i)
      out +=
          i == 0 ? fmt::format(" {:->{}} |", "", widths[i]) : fmt::format(" {:->{}}: |", "", widths[i] - 1);
    out += "\n";
  }
  return out;
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return fmt::format("\"{}\"", quoted);
}

std::string CsvLine(const Line& fields) {
  Line quoted;
  for (const std::string& field : fields) quoted.push_back(CsvField(field));
  return fmt::format("{}\r\n", fmt::join(quoted, ","));
}

}  // namespace

std::string ToMarkdown(const std::vector<ReportGroup>& groups, bool with_times) {
  const std::vector<ReportColumn> columns = ShownColumns(with_times);
  std::string out, warnings;
  Line header;
  for (const ReportColumn& column : columns) header.emplace_back(column.name);
  for (const ReportGroup& group : groups) {
    std::vector<Line> lines = {header};
    for (const ReportRow& row : group.rows) {
      Line& line = lines.emplace_back();
      for (const ReportColumn& column : columns) line.push_back(column.cell(row));
      for (const std::string& warning : row.warnings) warnings += fmt::format("- Warning: {}\n", warning);
    }
    out += fmt::format("### {}\n\n{}\n", group.title, MarkdownTable(lines));
  }
  for (const ReportColumn& column : columns) out += fmt::format("- {}: {}\n", column.name, column.meaning);
  return out + (warnings.empty() ? "" : "\n" + warnings);
}

std::string ToCsv(const std::vector<ReportGroup>& groups) {
  Line header = {"group"};
  for (const ReportColumn& column : ReportColumns()) header.emplace_back(column.key);
  header.emplace_back("warnings");
  std::string out = CsvLine(header);
  for (const ReportGroup& group : groups) {
    for (const ReportRow& row : group.rows) {
      Line line = {group.title};
      for (const ReportColumn& column : ReportColumns()) line.push_back(column.cell(row));
      line.push_back(fmt::format("{}", fmt::join(row.warnings, "; ")));
      out += CsvLine(line);
    }
  }
  return out;
}

}  // namespace kvscope
