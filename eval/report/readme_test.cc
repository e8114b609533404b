// The README's table is what the program makes: the same cells, run anew, give the same accuracy and bytes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "eval/testing/run_program.h"
#include "results/base/file.h"

namespace kvscope {
namespace {

constexpr const char* kTableBegin = "<!-- table -->\n";
constexpr const char* kTableEnd = "<!-- end of table -->\n";

// The first table in a text: from its first line to the first that is none of a table.
std::string FirstTable(const std::string& text) {
  std::string table;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin) + 1;
    if (text[begin] == '|')
      table += text.substr(begin, end - begin);
    else if (!table.empty() || end == 0)
      break;
    begin = end;
  }
  return table;
}

TEST(Readme, ItsTableIsWhatTheProgramMakes) {
  const std::string readme = ReadFile(KVSCOPE_SOURCE_DIR "/README.md").value_or("");
  const size_t begin = readme.find(kTableBegin), end = readme.find(kTableEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos) << "the README has no marked table";
  const std::string written = FirstTable(readme.substr(begin, end - begin));

  const TemporaryFolder folder;
  ::setenv("KVSCOPE_CACHE", (folder / "cache").c_str(), /*overwrite=*/1);
  // The cells of scripts/demo. More rows of a batch than there: that does not change what is generated.
  const std::vector<std::vector<std::string>> cells = {
      {"full"},
      {"snapkv", "--prefill-budget", "112"},
      {"full+slide", "--window", "64", "--recent", "32"},
      {"full+slide", "--window", "128", "--recent", "64"},
      {"h2o+h2o", "--prefill-budget", "112", "--window", "64", "--recent", "32"},
      {"h2o+h2o", "--prefill-budget", "112", "--window", "128", "--recent", "64"},
      {"streamingllm+slm", "--prefill-budget", "112", "--window", "64", "--recent", "32"},
      {"streamingllm+slm", "--prefill-budget", "112", "--window", "128", "--recent", "64"}};
  for (size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::string> arguments = {
        "run",         "--model",   "arith-tiny", "--task", "arith+",
        "--questions", "24",        "--limit",    "12",     "--batch",
        "4",           "--threads", "1",          "--out",  folder / ("runs/" + std::to_string(i)),
        "--method"};
    arguments.insert(arguments.end(), cells[i].begin(), cells[i].end());
    const ProgramResult run = RunKvscope(arguments);
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  const ProgramResult report = RunKvscope({"report", folder / "runs", "-o", "md", "--no-times"});
  ASSERT_EQ(report.exit_code, 0) << report.err;
  EXPECT_EQ(written, FirstTable(report.out)) << "put this into README.md:\n" << FirstTable(report.out);
}

}  // namespace
}  // namespace kvscope
