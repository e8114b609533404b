#include "eval/report/text/latex.h"

#include <algorithm>
#include <array>
#include <utility>

#include "eval/report/tables/tables.h"
#include "fmt/format.h"
#include "results/build_info.h"

namespace kvscope {
namespace {

// Lines of more characters span all columns of a page and are scaled to its width.
constexpr size_t kMostCharacters = 68;

constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kEscapes = {
    {{"\\", "\\textbackslash{}"},
     {"{", "\\{"},
     {"}", "\\}"},
     {"$", "\\$"},
     {"&", "\\&"},
     {"%", "\\%"},
     {"#", "\\#"},
     {"_", "\\_"},
     {"^", "\\textasciicircum{}"},
     {"~", "\\textasciitilde{}"},
     {"<", "\\textless{}"},
     {">", "\\textgreater{}"},
     {"±", "$\\pm$"},
     {"\n", " "},
     {"\r", " "}}};

// A label holds no character that TeX reads as a command.
std::string LabelPart(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  if (out.ends_with('-')) out.pop_back();
  return out;
}

std::string Row(const std::vector<std::string>& cells) {
  return fmt::format("    {} \\\\\n", fmt::join(cells, " & "));
}

// Characters of the widest line that the table could have, two a column for the space between.
size_t Characters(const ReportTable& table) {
  size_t sum = 0;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    size_t widest = table.columns[i].name.size();
    for (const auto& line : table.lines) widest = std::max(widest, line[i].text.size());
    sum += widest + 2;
  }
  return sum;
}

std::string TableText(const ReportGroup& group, const ReportTable& table, const std::string& caption) {
  std::string alignment;
  std::vector<std::string> header;
  for (const TableColumn& column : table.columns) {
    alignment += column.is_text ? 'l' : 'r';
    header.push_back(EscapeLatex(column.name));
  }
  const bool is_wide = Characters(table) > kMostCharacters;
  const std::string_view environment = is_wide ? "table*" : "table";
  std::string out = fmt::format("\\begin{{{}}}[t]\n  \\centering\n", environment);
  out += fmt::format("  \\caption{{{}}}\n  \\label{{tab:{}-{}}}\n", EscapeLatex(caption),
                     LabelPart(group.title), table.id);
  if (is_wide) out += "  \\resizebox{\\textwidth}{!}{%\n";
  out += fmt::format("  \\begin{{tabular}}{{{}}}\n    \\toprule\n{}    \\midrule\n", alignment, Row(header));
  for (const auto& line : table.lines) {
    std::vector<std::string> cells;
    for (const TableCell& cell : line) cells.push_back(EscapeLatex(cell.text));
    out += Row(cells);
  }
  out += fmt::format("    \\bottomrule\n  \\end{{tabular}}{}\n", is_wide ? "}" : "");
  return out + fmt::format("\\end{{{}}}\n", environment);
}

std::string RunsCaption(const ReportGroup& group) {
  return fmt::format(
      "{}. C: tokens a head keeps of the prompt; W: tokens a head holds in decoding. Accuracy is "
      "the mean over prompts with its 95 % interval.",
      group.title);
}

}  // namespace

std::string EscapeLatex(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t taken = 0;
    for (const auto& [from, to] : kEscapes) {
      if (!text.starts_with(from)) continue;
      out += to;
      taken = from.size();
      break;
    }
    if (taken == 0) {
      out += text.front();
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string ToLatex(const std::vector<ReportGroup>& groups, bool with_times) {
  std::string out = fmt::format(
      "% Made by 'kvscope report', {}.\n"
      "% Needs \\usepackage{{booktabs}} and, for wide tables, \\usepackage{{graphicx}}.\n",
      VersionText());
  for (const ReportGroup& group : groups) {
    out += "\n";
    out += TableText(group, PaperTable(group, with_times), RunsCaption(group));
    for (auto make : {IndexTable, KindTable, DistanceTable})
      if (const auto table = make(group))
        out += fmt::format(
            "\n{}",
            TableText(group, *table, fmt::format("{} ({}). {}", table->title, group.title, table->caption)));
  }
  return out;
}

}  // namespace kvscope
