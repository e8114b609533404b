// A table without a format: Markdown, LaTeX and HTML write the same ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace kvscope {

struct TableColumn {
  std::string name;
  std::string meaning;  // a line of explanation; empty where the name says it
  bool is_text = false;
};

struct TableCell {
  std::string text;
  std::optional<double> shade = std::nullopt;  // 0 to 1: how good the value is, for a heat table
};

struct ReportTable {
  std::string id;       // "by-index": the end of an anchor or a label
  std::string title;    // "Accuracy along the output"
  std::string caption;  // what the numbers are
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableCell>> lines;  // [lines][columns]; the first cell names the line
};

}  // namespace kvscope
