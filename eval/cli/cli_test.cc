// The command line's contract, on the built program: exit codes, help, configuration files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;

TEST(Cli, HelpListsEveryCommand) {
  const ProgramResult help = RunKvscope({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* name : {"doctor", "fetch", "build", "run", "sweep", "import", "score", "compare", "report",
                           "verify", "inspect", "methods", "models", "tasks"})
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + name + " "));
}

TEST(Cli, VersionNamesTheProgram) {
  const ProgramResult version = RunKvscope({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, HasSubstr("kvscope 0."));
}

TEST(Cli, WrongUsageExits2) {
  EXPECT_EQ(RunKvscope({}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"no-such-command"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"--no-such-flag", "doctor"}).exit_code, 2);
  const ProgramResult flag = RunKvscope({"doctor", "--no-such-flag"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_THAT(flag.err, HasSubstr("--no-such-flag"));
  EXPECT_EQ(flag.out, "");
}

TEST(Cli, ConfigurationFileHoldsFlagsOfTheCommand) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "flat.toml", "json = true\n").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "section.toml", "[doctor]\njson = true\n").ok());
  for (const char* name : {"flat.toml", "section.toml"}) {
    const ProgramResult result = RunKvscope({"doctor", "--config", folder / name});
    EXPECT_EQ(result.exit_code, 0) << name << result.err;
    EXPECT_TRUE(nlohmann::json::accept(result.out)) << name << result.out;
  }
}

TEST(Cli, AnUnknownConfigurationKeyExits2AndIsNamed) {
  const TemporaryFolder folder;
  for (const char* text : {"jsno = true\n", "[doctor]\njsno = true\n", "[doktor]\njsno = true\n"}) {
    ASSERT_TRUE(WriteFileAtomically(folder / "a.toml", text).ok());
    const ProgramResult result = RunKvscope({"doctor", "--config", folder / "a.toml"});
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_THAT(result.err, HasSubstr("jsno")) << text;
  }
}

TEST(Cli, AnAbsentConfigurationFileExits5) {
  EXPECT_EQ(RunKvscope({"doctor", "--config", "/nonexistent.toml"}).exit_code, 5);
}

TEST(Doctor, SaysWhatTheMachineHas) {
  const ProgramResult result = RunKvscope({"doctor", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_GE(report.at("machine").at("cores").get<int>(), 1);
  EXPECT_GT(report.at("machine").at("memory_bytes").get<uint64_t>(), 0u);
  EXPECT_TRUE(report.at("cuda_devices").is_array());
  EXPECT_TRUE(report.at("build").contains("commit"));
  bool embedded = false;
  for (const auto& model : report.at("models"))
    embedded = embedded || (model.at("name") == "arith-tiny" && model.at("present") == true);
  EXPECT_TRUE(embedded);
}

TEST(Cli, TheDoctorHoldsTheKernelsAgainstPlainLoops) {
  const ProgramResult result = RunKvscope({"doctor", "--selftest", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.out;
  const nlohmann::json checks = nlohmann::json::parse(result.out).at("selftest");
  std::set<std::string> kernels;
  for (const nlohmann::json& check : checks) {
    EXPECT_TRUE(check.at("passed").get<bool>()) << check;
    const std::string name = check.at("kernel");
    kernels.insert(name.substr(0, name.find(' ')));
  }
  EXPECT_EQ(kernels, (std::set<std::string>{"attention", "dequantize", "fast", "matmul", "packed", "rmsnorm",
                                            "swiglu", "top-k"}));
  EXPECT_FALSE(nlohmann::json::parse(RunKvscope({"doctor", "--json"}).out).contains("selftest"));
}

}  // namespace
}  // namespace kvscope
