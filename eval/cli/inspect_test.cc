// `kvscope inspect` on the built program and the embedded model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

class InspectTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::setenv("KVSCOPE_CACHE", folder_.path().c_str(), 1), 0); }

  static ProgramResult Inspect(const std::string& kind, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"inspect",     kind, "--model",  "arith-tiny", "--task",   "arith+",
                                          "--questions", "8",  "--window", "32",         "--recent", "16"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKvscope(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(InspectTest, DivergenceEndsInASummaryOfItsSteps) {
  const ProgramResult result = Inspect("divergence", {"--method", "full+slide", "--steps", "50"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 52u);
  EXPECT_EQ(lines.front()["method"], "full+slide");
  EXPECT_EQ(lines[1]["kl_nats"], 0) << "nothing is evicted yet";
  EXPECT_GT(lines[50]["kl_nats"], 0);
  EXPECT_EQ(lines[50]["attention_error"].size(), 4u);
  EXPECT_EQ(lines.back()["steps"], 50);
}

TEST_F(InspectTest, ADevicesEvictionsAreThoseOfTheCpu) {
  const std::vector<std::string> flags = {"--method", "full+h2o", "--steps", "20"};
  std::vector<std::string> on_device = flags;
  on_device.insert(on_device.end(), {"--device", "emulated"});
  const ProgramResult device = Inspect("evictions", on_device);
  if (device.exit_code == 5) GTEST_SKIP() << device.err;
  ASSERT_EQ(device.exit_code, 0) << device.err;
  const std::vector<json> found = Lines(device.out), expected = Lines(Inspect("evictions", flags).out);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 1; i < found.size(); ++i) {
    for (const char* field : {"step", "layer", "head", "tokens", "kv_bytes", "evicted"})
      EXPECT_EQ(found[i].at(field), expected[i].at(field)) << i;
  }
}

TEST_F(InspectTest, TheLedgerHasALineForEachHeadAndStep) {
  const ProgramResult result = Inspect("evictions", {"--method", "full+slide", "--steps", "40"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 1u + 41 * 4 * 2);
  EXPECT_EQ(lines.back()["evicted"].size(), 1u);
  EXPECT_EQ(lines.back()["tokens"], lines.back()["requested_tokens"]);
  EXPECT_EQ(lines.back()["kv_bytes"], lines.back()["tokens"].get<size_t>() * 32 * 2 * 4);
}

TEST_F(InspectTest, TracesAreComparedAndHashed) {
  const std::string slide = folder_.path() + "/slide", random = folder_.path() + "/random";
  for (const std::string& method : {std::string("slide"), std::string("random")}) {
    const ProgramResult trace = Inspect("trace", {"--method", "full+" + method, "--steps", "40"});
    ASSERT_EQ(trace.exit_code, 0) << trace.err;
    ASSERT_TRUE(WriteFileAtomically(folder_.path() + "/" + method, trace.out).ok());
  }
  EXPECT_EQ(RunKvscope({"inspect", "compare-traces", slide, slide}).exit_code, 0);
  const ProgramResult different = RunKvscope({"inspect", "compare-traces", slide, random});
  EXPECT_EQ(different.exit_code, 1);
  EXPECT_THAT(different.out, HasSubstr("method"));
  EXPECT_EQ(RunKvscope({"inspect", "compare-traces", slide}).out.size(), 65u);
  EXPECT_EQ(RunKvscope({"inspect", "compare-traces", folder_.path() + "/none"}).exit_code, 5);
}

TEST_F(InspectTest, HeavyHittersAndAttentionOfChosenLayers) {
  const ProgramResult hitters = Inspect("heavy-hitters", {"--at-steps", "1,20", "--layers", "0,3"});
  ASSERT_EQ(hitters.exit_code, 0) << hitters.err;
  EXPECT_EQ(Lines(hitters.out).size(), 5u);
  const ProgramResult attention = Inspect("attention", {"--steps", "5", "--layers", "1"});
  ASSERT_EQ(attention.exit_code, 0) << attention.err;
  EXPECT_EQ(Lines(attention.out).size(), 6u);
}

TEST_F(InspectTest, BadArgumentsAreNamed) {
  EXPECT_EQ(RunKvscope({"inspect"}).exit_code, 2);
  const ProgramResult layer = Inspect("attention", {"--steps", "5", "--layers", "4"});
  EXPECT_EQ(layer.exit_code, 2);
  EXPECT_THAT(layer.err, HasSubstr("--layers: expected 0 to 3, found 4"));
  EXPECT_EQ(Inspect("divergence", {"--method", "full+nonesuch"}).exit_code, 2);
  EXPECT_EQ(Inspect("divergence", {"--sample", "-1"}).exit_code, 2);
  EXPECT_EQ(Inspect("heavy-hitters", {"--at-steps", "0"}).exit_code, 2);
  EXPECT_EQ(Inspect("heavy-hitters", {"--share", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace kvscope
