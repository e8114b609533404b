#include "eval/report/text/csv.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "eval/report/report_columns.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using Line = std::vector<std::string>;

// A spreadsheet takes a text that begins so for a formula, and runs it; an apostrophe makes it a text.
bool IsFormula(const std::string& text) {
  if (text.empty() || std::string_view("=+-@\t\r").find(text[0]) == std::string_view::npos) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return *end != '\0';
}

std::string CsvField(const std::string& text) {
  if (IsFormula(text)) return CsvField("'" + text);
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

// All that concern the row, those of the whole group too.
std::string WarningsOf(const ReportGroup& group, size_t row) {
  Line messages;
  for (const ReportWarning& warning : group.warnings)
    if (warning.rows.empty() || std::ranges::find(warning.rows, row) != warning.rows.end())
      messages.push_back(warning.message);
  return fmt::format("{}", fmt::join(messages, "; "));
}

}  // namespace

std::string ToCsv(const std::vector<ReportGroup>& groups) {
  Line header = {"group"};
  for (const ReportColumn& column : ReportColumns()) header.emplace_back(column.key);
  header.insert(header.end(), {"folder", "warnings"});
  std::string out = CsvLine(header);
  for (const ReportGroup& group : groups) {
    for (size_t i = 0; i < group.rows.size(); ++i) {
      Line line = {group.title};
      for (const ReportColumn& column : ReportColumns()) line.push_back(column.cell(group.rows[i]));
      line.push_back(group.rows[i].folder);
      line.push_back(WarningsOf(group, i));
      out += CsvLine(line);
    }
  }
  return out;
}

}  // namespace kvscope
