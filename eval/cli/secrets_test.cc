// What is secret in the environment or on the command line is in no file and no message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "eval/testing/run_program.h"
#include "results/base/file.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "topsecret";
constexpr const char* kUrl = "https://user:topsecret@127.0.0.1:1/";

TEST(Secrets, AreNeitherShownNorRecorded) {
  const TemporaryFolder folder;
  ::setenv("KVSCOPE_CACHE", (folder / "cache").c_str(), 1);
  ::setenv("HF_TOKEN", "hf_topsecret", 1);
  ::setenv("https_proxy", "http://user:topsecret@127.0.0.1:1", 1);
  ::setenv("KVSCOPE_MIRROR", kUrl, 1);
  std::ofstream(folder / "plan.json")
      << R"({"model": "arith-tiny", "task": "arith+", "questions": 8, "limit": 1, "method": "full"})";
  const std::vector<std::vector<std::string>> commands = {
      {"doctor"},
      {"doctor", "--json"},
      {"fetch", "gsm8k"},
      {"fetch", "smollm2-135m", "--mirror", kUrl},
      {"fetch", "gsm8k", "--mirror", "https://127.0.0.1:1/"},
      {"fetch", "gsm8k", "--mirror", "https://user:topsecret@127.0.0.1:x"},
      {"fetch", kUrl},
      {"run", "--model", kUrl, "--task", "arith+", "--questions", "8", "--method", "full", "--out",
       folder / "a"},
      {"sweep", folder / "plan.json", "--out", folder / "grid"},
      {"report", folder / "grid", "-o", folder / "report.html"},
      {"--hf_topsecret"}};
  int succeeded = 0;
  for (const auto& command : commands) {
    const ProgramResult result = RunKvscope(command);
    succeeded += result.exit_code == 0;
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(kSecret))) << command[0];
  }
  EXPECT_EQ(succeeded, 4) << "doctor twice, sweep and report";
  // A command line that holds a secret is recorded without it.
  ASSERT_EQ(RunKvscope({"run", "--model", "arith-tiny", "--task", "arith+", "--questions", "8", "--limit",
                        "1", "--method", "full", "--out", folder / "hf_topsecret"})
                .exit_code,
            0);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_THAT(*ReadFile(entry.path()), Not(HasSubstr(kSecret))) << entry.path();
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace kvscope
