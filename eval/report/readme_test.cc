// The README's table is what the program makes: the demo's cells, run anew, have the same values. Times are
// the machine's and are not compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "eval/testing/run_program.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

constexpr const char* kTableBegin = "<!-- table -->\n";
constexpr const char* kTableEnd = "<!-- end of table -->\n";

using Columns = std::map<std::string, std::vector<std::string>>;  // cells by header

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The cells of "| a | b |".
std::vector<std::string> CellsOf(const std::string& line) {
  std::vector<std::string> cells;
  for (size_t begin = 1, end; (end = line.find('|', begin)) != std::string::npos; begin = end + 1)
    cells.push_back(Trimmed(line.substr(begin, end - begin)));
  return cells;
}

// The first Markdown table in a text.
Columns FirstTable(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (text[begin] == '|')
      lines.push_back(CellsOf(text.substr(begin, end - begin)));
    else if (!lines.empty())
      break;
    begin = end + 1;
  }
  Columns columns;
  for (size_t line = 2; line < lines.size(); ++line)
    for (size_t i = 0; i < lines[0].size(); ++i)
      columns[lines[0][i]].push_back(i < lines[line].size() ? lines[line][i] : "no cell");
  return columns;
}

TEST(Readme, ItsTableIsWhatTheProgramMakes) {
  const std::string readme = ReadFile(KVSCOPE_SOURCE_DIR "/README.md").value_or("");
  const size_t begin = readme.find(kTableBegin), end = readme.find(kTableEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos) << "the README has no marked table";
  const Columns written = FirstTable(readme.substr(begin, end - begin));

  // Not timed, the cells share prefills and steps; that does not change what is generated.
  const TemporaryFolder folder;
  nlohmann::json plan = *ReadJsonFile(KVSCOPE_SOURCE_DIR "/eval/plans/demo.json");
  plan.erase("timing");
  ASSERT_TRUE(WriteFileAtomically(folder / "plan.json", DumpJson(plan)).ok());
  const ProgramResult sweep =
      RunKvscope({"sweep", folder / "plan.json", "--out", folder / "runs", "--quiet"});
  ASSERT_EQ(sweep.exit_code, 0) << sweep.err;
  const ProgramResult report = RunKvscope({"report", folder / "runs", "-o", "md"});
  ASSERT_EQ(report.exit_code, 0) << report.err;
  const Columns made = FirstTable(report.out);

  ASSERT_TRUE(written.contains("accuracy %"));
  for (const auto& [name, cells] : written) {
    if (name.ends_with(" ms")) continue;
    ASSERT_TRUE(made.contains(name)) << name;
    EXPECT_EQ(cells, made.at(name)) << "column '" << name << "': put scripts/demo's table into README.md";
  }
}

}  // namespace
}  // namespace kvscope
