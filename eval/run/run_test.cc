// `kvscope run` on the embedded model: records, resumption, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RunTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cache_ = new TemporaryFolder();
    ::setenv("KVSCOPE_CACHE", cache_->path().c_str(), /*overwrite=*/1);
  }
  static void TearDownTestSuite() { delete cache_; }

  // Three prompts of eight questions, under full+slide and on one thread unless `flags` say otherwise.
  ProgramResult Run(const std::string& out, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> arguments = {"run",    "--model",     "arith-tiny", "--task",
                                          "arith+", "--questions", "8",          "--limit",
                                          "3",      "--out",       folder_ / out};
    const auto has = [&](const char* flag) { return std::ranges::find(flags, flag) != flags.end(); };
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    if (!has("--threads")) arguments.insert(arguments.end(), {"--threads", "1"});
    if (!has("--method"))
      arguments.insert(arguments.end(), {"--method", "full+slide", "--window", "32", "--recent", "16"});
    return RunKvscope(arguments);
  }
  RunFolder Read(const std::string& out) { return *ReadRunFolder(folder_ / out); }

  // run.json as it was before the run was complete.
  void MakePartial(const std::string& out) {
    nlohmann::json run = *ReadSealedFile(folder_ / out + "/run.json");
    run["status"] = "partial";
    run["files"].erase("samples.jsonl");
    ASSERT_TRUE(WriteSealedFile(folder_ / out + "/run.json", run).ok());
  }

  static TemporaryFolder* cache_;
  TemporaryFolder folder_;
};

TemporaryFolder* RunTest::cache_ = nullptr;

std::map<std::string, std::string> TokenHashes(const RunFolder& run) {
  std::map<std::string, std::string> hashes;
  for (const SampleRecord& record : run.samples) hashes[record.sample] = *record.token_ids_sha256;
  return hashes;
}

TEST_F(RunTest, WritesACompleteRunFolder) {
  const ProgramResult result = Run("a", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out).at("samples"), 3);
  const RunFolder run = Read("a");
  EXPECT_EQ(run.run.status, RunStatus::kComplete);
  EXPECT_EQ(run.run.config.window, 32);
  EXPECT_EQ(run.run.config.prefill_budget, std::nullopt) << "full keeps the prompt whole";
  EXPECT_EQ(run.run.config.mode, "timing");
  EXPECT_GT(run.run.peak_rss_bytes, 0u);
  EXPECT_EQ(run.run.model_sha256.size(), 64u);
  ASSERT_THAT(run.samples, SizeIs(3));
  for (const SampleRecord& record : run.samples) {
    ASSERT_TRUE(record.kv && record.time);
    EXPECT_GT(record.kv->peak_bytes, 0u);
    EXPECT_GT(record.kv->evictions, 0u);
    EXPECT_GT(record.time->decode_s, 0);
    EXPECT_LE(record.time->step_p50_s, record.time->step_p99_s);
    EXPECT_GT(*record.output_tokens, 0);
  }
  for (const char* file : {"scores.json", "timing.json"})
    EXPECT_TRUE(ReadJsonFile(folder_ / "a/" + file).ok()) << file;
}

TEST_F(RunTest, ARunThatIsThereIsNotRunAgain) {
  ASSERT_EQ(Run("a").exit_code, 0);
  const std::string samples = *ReadFile(folder_ / "a/samples.jsonl");
  const ProgramResult again = Run("a");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("complete"));
  EXPECT_EQ(*ReadFile(folder_ / "a/samples.jsonl"), samples);
  const ProgramResult other = Run("a", {"--method", "full"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("method"));
  EXPECT_EQ(*ReadFile(folder_ / "a/samples.jsonl"), samples);
}

TEST_F(RunTest, AResumedRunHasTheRecordsOfAWholeOne) {
  ASSERT_EQ(Run("a").exit_code, 0);
  const RunFolder whole = Read("a");
  // As a crash leaves it: one sample whole, the second torn, and run.json as it was at the start.
  const std::string samples = *ReadFile(folder_ / "a/samples.jsonl");
  const size_t line = samples.find('\n') + 1;
  ASSERT_TRUE(WriteFileAtomically(folder_ / "a/samples.jsonl", samples.substr(0, line + 40)).ok());
  MakePartial("a");
  const ProgramResult resumed = Run("a");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(Read("a").run.status, RunStatus::kComplete);
  EXPECT_THAT(Read("a").run.resumed, SizeIs(1));
  EXPECT_EQ(TokenHashes(Read("a")), TokenHashes(whole));
}

TEST_F(RunTest, ASignalLeavesAPartialRunThatGoesOn) {
  const std::vector<std::string> cell = {"run",         "--model",   "arith-tiny", "--task", "arith+",
                                         "--questions", "32",        "--limit",    "40",     "--method",
                                         "full",        "--threads", "1",          "--out",  folder_ / "s"};
  const std::string samples = folder_ / "s/samples.jsonl";
  std::error_code ignored;
  const ProgramResult stopped = RunKvscopeUntil(cell, [&] {
    const auto bytes = std::filesystem::file_size(samples, ignored);
    return !ignored && bytes > 0;
  });
  EXPECT_EQ(stopped.exit_code, 4) << stopped.err;
  const RunFolder partial = Read("s");
  EXPECT_EQ(partial.run.status, RunStatus::kPartial);
  EXPECT_EQ(partial.run.reason, "interrupted");
  EXPECT_THAT(partial.problems, SizeIs(0));
  const size_t done = partial.samples.size();
  EXPECT_GE(done, 1u);
  EXPECT_LT(done, 40u);
  ASSERT_EQ(RunKvscope(cell).exit_code, 0);
  EXPECT_EQ(Read("s").run.status, RunStatus::kComplete);
  EXPECT_THAT(Read("s").samples, SizeIs(40));
}

TEST_F(RunTest, BatchAndThreadsDoNotChangeTheTokens) {
  ASSERT_EQ(Run("one").exit_code, 0);
  ASSERT_EQ(Run("batch", {"--batch", "3", "--threads", "2"}).exit_code, 0);
  const RunFolder batch = Read("batch");
  EXPECT_EQ(TokenHashes(Read("one")), TokenHashes(batch));
  EXPECT_EQ(batch.run.config.mode, "accuracy");
  for (const SampleRecord& record : batch.samples) EXPECT_FALSE(record.time.has_value());
}

TEST_F(RunTest, TheRecordNamesThePrecisionThatWasRun) {
  ASSERT_EQ(Run("auto").exit_code, 0);
  EXPECT_EQ(Read("auto").run.config.precision, "f32");  // the embedded model is small
  EXPECT_EQ(Read("auto").run.config.kv, "f32");
  ASSERT_EQ(Run("bf16", {"--precision", "bf16"}).exit_code, 0);
  EXPECT_EQ(Read("bf16").run.config.precision, "bf16");
  EXPECT_EQ(Read("bf16").run.config.kv, "bf16");
  ASSERT_EQ(Run("int8", {"--precision", "bf16", "--kv", "int8"}).exit_code, 0);
  EXPECT_EQ(Read("int8").run.config.kv, "int8");
}

TEST_F(RunTest, PublishedCountersSurviveResumption) {
  const std::vector<std::string> flags = {
      "--method", "snapkv+adaptive", "--semantics", "published", "--prefill-budget",
      "24",       "--window",        "24",          "--recent",  "8"};
  const ProgramResult first = Run("whole", flags);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  ASSERT_EQ(Run("cut", flags).exit_code, 0);
  const std::string samples = *ReadFile(folder_ / "cut/samples.jsonl");
  ASSERT_TRUE(
      WriteFileAtomically(folder_ / "cut/samples.jsonl", samples.substr(0, samples.find('\n') + 1)).ok());
  MakePartial("cut");
  ASSERT_EQ(Run("cut", flags).exit_code, 0);
  EXPECT_EQ(TokenHashes(Read("cut")), TokenHashes(Read("whole")));
}

// The device code's tokens, without times: those of an emulator say nothing.
TEST_F(RunTest, TheEmulatedDeviceMakesTheTokensOfTheCpu) {
  const std::vector<std::string> few = {"--method",         "snapkv+slide",
                                        "--prefill-budget", "64",
                                        "--window",         "16",
                                        "--recent",         "8",
                                        "--max-new-tokens", "24"};
  const auto with = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), few.begin(), few.end());
    return flags;
  };
  const ProgramResult emulated = Run("emulated", with({"--device", "emulated"}));
  if (emulated.exit_code == 5) GTEST_SKIP() << emulated.err;
  ASSERT_EQ(emulated.exit_code, 0) << emulated.err;
  ASSERT_EQ(Run("cpu", with({})).exit_code, 0);
  const RunFolder found = Read("emulated"), expected = Read("cpu");
  EXPECT_EQ(TokenHashes(found), TokenHashes(expected));
  EXPECT_EQ(found.run.config.device, "emulated");
  EXPECT_EQ(found.run.config.mode, "accuracy");
  EXPECT_FALSE(found.samples.at(0).time.has_value());
  const nlohmann::json timing = *ReadJsonFile(folder_ / "emulated/timing.json");
  EXPECT_TRUE(timing.at("wall_s").is_null()) << timing;
  EXPECT_FALSE(timing.contains("decode_s")) << timing;
  EXPECT_EQ(found.run.execution.at("device"),
            nlohmann::json({{"visible", nullptr}, {"selection", "device"}}));
  EXPECT_EQ(timing.at("device_state").at("after").at("missing").at("all"), "the device is emulated");
  const auto& peak = timing.at("device_bytes_peak");
  for (const char* purpose : {"weights", "cache", "scores", "scratch"})
    EXPECT_GT(peak.at(purpose), 0) << peak;
  EXPECT_GT(peak.at("all"), peak.at("weights"));
  EXPECT_EQ(Run("x", {"--device", "emulated", "--timing"}).exit_code, 2);
  ASSERT_EQ(Run("bf16", with({"--device", "emulated", "--precision", "bf16"})).exit_code, 0);  // tensor cores
  EXPECT_EQ(Read("bf16").run.config.precision, "bf16");
}

// What a device's sort cannot repeat is said.
TEST_F(RunTest, TheRecordSaysWhyTheHostSelects) {
  const ProgramResult result =
      Run("published", {"--device", "emulated", "--semantics", "published", "--method", "full+slide",
                        "--window", "16", "--recent", "8", "--max-new-tokens", "1"});
  if (result.exit_code == 5) GTEST_SKIP() << result.err;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json device = Read("published").run.execution.at("device");
  EXPECT_EQ(device.at("selection"), "host");
  EXPECT_THAT(device.at("selection_reason").get<std::string>(), HasSubstr("torch.topk"));
}

// A device with little memory: for the weights, then for the prompt, then for the cache that grows.
TEST_F(RunTest, OutOfDeviceMemoryIsARecordWithThePeak) {
  const std::vector<std::string> flags = {"--device", "emulated",         "--method",
                                          "full",     "--max-new-tokens", "6"};
  const ProgramResult roomy = Run("roomy", flags);
  if (roomy.exit_code == 5) GTEST_SKIP() << roomy.err;
  ASSERT_EQ(roomy.exit_code, 0) << roomy.err;
  const nlohmann::json peak = ReadJsonFile(folder_ / "roomy/timing.json")->at("device_bytes_peak");
  const auto weights = peak.at("weights").get<uint64_t>(), all = peak.at("all").get<uint64_t>();

  const auto limited = [&](const std::string& name, uint64_t bytes) {
    ::setenv("KVSCOPE_SIMT_DEVICE_BYTES", fmt::format("{}", bytes).c_str(), /*overwrite=*/1);
    const ProgramResult result = Run(name, flags);
    ::unsetenv("KVSCOPE_SIMT_DEVICE_BYTES");
    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_EQ(Read(name).run.status, RunStatus::kFailed);
  };
  limited("weights", weights - 1);
  EXPECT_THAT(Read("weights").run.reason, HasSubstr(fmt::format("the weights take {} bytes", weights)));

  limited("prompt", weights + (all - weights) / 8);
  ASSERT_FALSE(Read("prompt").samples.empty());
  EXPECT_THAT(Read("prompt").samples[0].error, AllOf(HasSubstr("out of memory during prefill"),
                                                     HasSubstr(fmt::format("{} weights", weights))));
  const nlohmann::json timing = *ReadJsonFile(folder_ / "prompt/timing.json");
  EXPECT_EQ(timing.at("device_bytes_peak").at("weights"), weights);
  EXPECT_LE(timing.at("device_bytes_peak").at("all").get<uint64_t>(), weights + (all - weights) / 8);

  limited("all", all - 1);
  EXPECT_THAT(Read("all").samples, Contains(Field(&SampleRecord::error, HasSubstr("out of memory"))));
}

TEST_F(RunTest, WhatCannotBeRunIsRefusedBeforeAnythingIs) {
  const ProgramResult both = Run("x", {"--length", "4k"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_EQ(Run("x", {"--timing", "--batch", "2"}).exit_code, 2);
  const ProgramResult filler = RunKvscope({"run", "--model", "arith-tiny", "--task", "gsm8k+", "--questions",
                                           "4", "--method", "full", "--filler", "1", "--out", folder_ / "x"});
  EXPECT_EQ(filler.exit_code, 2);
  EXPECT_THAT(filler.err, HasSubstr("--filler: expected 0 for a task other than arith+, found 1"));
  EXPECT_EQ(Run("x", {"--method", "full+nothing"}).exit_code, 2);
  EXPECT_EQ(Run("x", {"--kv", "int4"}).exit_code, 5);
  EXPECT_EQ(Run("x", {"--device", "cuda"}).exit_code, 5);
  EXPECT_EQ(Run("x", {"--precision", "f16"}).exit_code, 2);
  EXPECT_EQ(Run("x", {"--kv", "f8"}).exit_code, 2);
  const ProgramResult long_prompt = Run("x", {"--max-new-tokens", "1000000"});
  EXPECT_EQ(long_prompt.exit_code, 2);
  EXPECT_THAT(long_prompt.err, HasSubstr("sample 'arith+/8/000'"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
}

TEST_F(RunTest, AFlagMayStandInAConfigurationFile) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "run.toml",
                                  "model = \"arith-tiny\"\ntask = \"arith+\"\nquestions = 8\nlimit = 1\n"
                                  "method = \"h2o+h2o\"\nprefill-budget = 24\nwindow = 32\nrecent = 16\n")
                  .ok());
  const ProgramResult result =
      RunKvscope({"run", "--config", folder_ / "run.toml", "--out", folder_ / "c", "--window", "24"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Read("c").run.config.prefill_budget, 24);
  EXPECT_EQ(Read("c").run.config.window, 24) << "the command line wins";
  EXPECT_THAT(Read("c").samples, SizeIs(1));
}

}  // namespace
}  // namespace kvscope
