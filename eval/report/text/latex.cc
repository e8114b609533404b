#include "eval/report/text/latex.h"

#include <array>
#include <utility>

#include "eval/report/tables/tables.h"
#include "fmt/format.h"
#include "results/build_info.h"

namespace kvscope {
namespace {

// Wider tables are set in a smaller size.
constexpr size_t kWideColumns = 6;

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

std::string TableText(const ReportGroup& group, const ReportTable& table, const std::string& caption) {
  std::string alignment;
  std::vector<std::string> header;
  for (const TableColumn& column : table.columns) {
    alignment += column.is_text ? 'l' : 'r';
    header.push_back(EscapeLatex(column.name));
  }
  std::string out = "\\begin{table}[t]\n  \\centering\n";
  if (table.columns.size() > kWideColumns) out += "  \\small\n";
  out += fmt::format("  \\caption{{{}}}\n  \\label{{tab:{}-{}}}\n", EscapeLatex(caption),
                     LabelPart(group.title), table.id);
  out += fmt::format("  \\begin{{tabular}}{{{}}}\n    \\toprule\n{}    \\midrule\n", alignment, Row(header));
  for (const auto& line : table.lines) {
    std::vector<std::string> cells;
    for (const TableCell& cell : line) cells.push_back(EscapeLatex(cell.text));
    out += Row(cells);
  }
  return out + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n";
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
  std::string out =
      fmt::format("% Made by 'kvscope report', {}.\n% Needs \\usepackage{{booktabs}}.\n", VersionText());
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
