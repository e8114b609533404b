#include "eval/report/text/markdown.h"

#include <algorithm>
#include <string_view>

#include "eval/report/summary.h"
#include "eval/report/tables/tables.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using Line = std::vector<std::string>;

// What stands in a cell or on a line must end neither, and be no markup.
std::string OneLine(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\|<[`").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

// Columns on a terminal: UTF-8 continuation bytes take none.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& text, size_t width, bool right) {
  const std::string blanks(width - Width(text), ' ');
  return right ? blanks + text : text + blanks;
}

std::vector<Line> Lines(const ReportTable& table) {
  std::vector<Line> lines(1);
  for (const TableColumn& column : table.columns) lines[0].push_back(OneLine(column.name));
  for (const auto& cells : table.lines) {
    Line& line = lines.emplace_back();
    for (const TableCell& cell : cells) line.push_back(OneLine(cell.text));
  }
  return lines;
}

std::string TableText(const ReportTable& table) {
  const std::vector<Line> lines = Lines(table);
  std::vector<size_t> widths(table.columns.size(), 3);
  for (const Line& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  std::string out;
  for (size_t row = 0; row < lines.size(); ++row) {
    out += "|";
    for (size_t i = 0; i < widths.size(); ++i)
      out += fmt::format(" {} |", Padded(lines[row][i], widths[i], !table.columns[i].is_text));
    out += "\n";
    if (row > 0) continue;
    out += "|";
    for (size_t i = 0; i < widths.size(); ++i)
      out += table.columns[i].is_text ? fmt::format(" {:->{}} |", "", widths[i])
                                      : fmt::format(" {:->{}}: |", "", widths[i] - 1);
    out += "\n";
  }
  return out;
}

std::string Meanings(const ReportTable& table) {
  std::string out;
  for (const TableColumn& column : table.columns)
    if (!column.meaning.empty()) out += fmt::format("- {}: {}\n", column.name, column.meaning);
  return out;
}

std::string Warnings(const ReportGroup& group) {
  std::string out;
  for (const ReportWarning& warning : group.warnings) {
    std::vector<std::string> folders;
    for (const size_t row : warning.rows) folders.push_back(group.rows[row].folder);
    const std::string subject = folders.empty() ? "all runs" : fmt::format("{}", fmt::join(folders, ", "));
    out += fmt::format("- Warning: {}\n", OneLine(subject + ": " + warning.message));
  }
  return out;
}

// The tables behind that of the runs.
std::vector<ReportTable> FurtherTables(const ReportGroup& group, bool with_times) {
  std::vector<ReportTable> tables;
  for (auto make : {WindowTable, IndexTable, KindTable, DistanceTable})
    if (auto table = make(group)) tables.push_back(*std::move(table));
  tables.push_back(TerminationTable(group));
  if (auto table = LedgerTable(group)) tables.push_back(*std::move(table));
  if (auto table = TimesTable(group); table && with_times) tables.push_back(*std::move(table));
  return tables;
}

}  // namespace

std::string ToMarkdown(const std::vector<ReportGroup>& groups, bool with_times) {
  std::string out;
  for (const ReportGroup& group : groups) {
    const ReportTable runs = RunsTable(group, with_times);
    out += fmt::format("{}## {}\n\n{}\n", out.empty() ? "" : "\n", OneLine(group.title), TableText(runs));
    for (const SummarySentence& sentence : Summarize(group))
      if (with_times || sentence.section != kStepSection)
        out += fmt::format("- {}\n", OneLine(sentence.text));
    out += Warnings(group) + "\n" + Meanings(runs);
    for (const ReportTable& table : FurtherTables(group, with_times)) {
      out += fmt::format("\n### {}\n\n{}\n\n{}", table.title, table.caption, TableText(table));
      const std::string meanings = Meanings(table);
      if (!meanings.empty()) out += "\n" + meanings;
    }
  }
  return out;
}

}  // namespace kvscope
