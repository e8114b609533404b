// `kvscope sweep` on the embedded model: what a cell gives does not depend on its neighbours, and nothing
// that befalls a sweep loses or doubles what it had finished.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/repetitions.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Five cells over two prompts.
const char* const kPlan = R"({
  "model": "arith-tiny", "task": "arith+", "questions": 8, "limit": 2, "threads": 1, "prefill-budget": 48,
  "method": ["full", "full+slide", "streamingllm+slm"],
  "together": [{"window": 24, "recent": 12}, {"window": 32, "recent": 16}]
})";

class SweepTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cache_ = new TemporaryFolder();
    ::setenv("KVSCOPE_CACHE", cache_->path().c_str(), /*overwrite=*/1);
  }
  static void TearDownTestSuite() { delete cache_; }

  std::string PlanFile(const json& plan) {
    const std::string path = folder_ / "plan.json";
    std::ofstream(path) << plan.dump();
    return path;
  }
  std::vector<std::string> Arguments(const std::string& out, const json& plan,
                                     std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"sweep", PlanFile(plan), "--out", folder_ / out});
    return flags;
  }
  ProgramResult Sweep(const std::string& out, const json& plan = json::parse(kPlan),
                      const std::vector<std::string>& flags = {}) {
    return RunKvscope(Arguments(out, plan, flags));
  }
  json SweepFile(const std::string& out) { return *ReadJsonFile(folder_ / out + "/sweep.json"); }

  // SHA-256 of the files that do not say when and where they were made, by path.
  std::map<std::string, std::string> Results(const std::string& out) {
    std::map<std::string, std::string> hashes;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / out)) {
      const std::string name = entry.path().filename();
      if (name == kSamplesFile || name == kScoresFile || name == kPromptsFile)
        hashes[std::filesystem::relative(entry.path(), folder_ / out)] = Sha256Hex(*ReadFile(entry.path()));
    }
    return hashes;
  }

  static TemporaryFolder* cache_;
  TemporaryFolder folder_;
};

TemporaryFolder* SweepTest::cache_ = nullptr;

pid_t FirstChild(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/task/{}/children", pid, pid));
  pid_t child = 0;
  return in >> child ? child : 0;
}

TEST_F(SweepTest, ACellsResultsAreThoseOfALoneRun) {
  const ProgramResult result = Sweep("grid", json::parse(kPlan), {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json cells = json::parse(result.out);
  ASSERT_THAT(cells, SizeIs(5));
  for (const json& cell : cells) {
    EXPECT_EQ(cell.at("status"), "complete");
    const std::string name = cell.at("cell");
    std::vector<std::string> arguments = {"run", "--out", folder_ / name, "--batch", "2"};
    for (const auto& [flag, value] : cell.at("flags").items())
      arguments.push_back(
          fmt::format("--{}={}", flag, value.is_string() ? value.get<std::string>() : value.dump()));
    ASSERT_EQ(RunKvscope(arguments).exit_code, 0);
    for (const std::string_view file : {kSamplesFile, kScoresFile})
      EXPECT_EQ(*ReadFile(RunPath(folder_ / "grid/" + name, file)), *ReadFile(RunPath(folder_ / name, file)))
          << name;
    EXPECT_EQ(ReadRunFolder(folder_ / "grid/" + name)->run.config.mode, "accuracy");
  }
  EXPECT_EQ(SweepFile("grid").at("cells"), cells);
}

TEST_F(SweepTest, WhatIsCompleteIsNotRunAgain) {
  ASSERT_EQ(Sweep("grid").exit_code, 0);
  const std::string run = RunPath(folder_ / "grid/arith-tiny.arith+.8q.limit2.full", kRunFile);
  const auto before = std::filesystem::last_write_time(run);
  json wider = json::parse(kPlan);
  wider["method"].push_back("full+h2o");
  ASSERT_EQ(Sweep("grid", wider).exit_code, 0);
  EXPECT_EQ(std::filesystem::last_write_time(run), before);
  EXPECT_THAT(SweepFile("grid").at("cells"), SizeIs(7));
}

TEST_F(SweepTest, ShardsGiveTheWholesResults) {
  ASSERT_EQ(Sweep("whole").exit_code, 0);
  for (const char* shard : {"3/3", "1/3", "2/3"})
    ASSERT_EQ(Sweep("parts", json::parse(kPlan), {"--shard", shard}).exit_code, 0);
  EXPECT_EQ(Results("parts"), Results("whole"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "parts/sweep.2-of-3.json"));
  for (const char* shard : {"0/3", "4/3", "1", "a/b", "1/3x"})
    EXPECT_EQ(Sweep("parts", json::parse(kPlan), {"--shard", shard}).exit_code, 2) << shard;
}

TEST_F(SweepTest, JobsGiveTheSameResults) {
  ASSERT_EQ(Sweep("one").exit_code, 0);
  ASSERT_EQ(Sweep("two", json::parse(kPlan), {"--jobs", "2", "--batch", "3"}).exit_code, 0);
  EXPECT_EQ(Results("two"), Results("one"));
}

TEST_F(SweepTest, ACellThatCannotRunIsARecordAndTheOthersGoOn) {
  json plan = json::parse(kPlan);
  plan["together"].push_back({{"window", 16}, {"recent", 16}});
  const ProgramResult result = Sweep("grid", plan);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.out, HasSubstr("7 cells, 5 complete, 2 failed"));
  EXPECT_THAT(result.err, HasSubstr("full+slide.W16.R16: failed: --window: expected more than"));
  int failed = 0;
  const json file = SweepFile("grid");
  for (const json& cell : file.at("cells")) {
    if (cell.at("status") == "complete") continue;
    ++failed;
    EXPECT_THAT(cell.at("reason").get<std::string>(), HasSubstr("recent window's 16"));
  }
  EXPECT_EQ(failed, 2);
  EXPECT_THAT(
      RunKvscope({"report", folder_ / "grid", "-o", "md"}).out,
      HasSubstr("cell of the sweep: arith-tiny.arith+.8q.limit2.full+slide.W16.R16: failed: --window"));
}

TEST_F(SweepTest, BadPlansAndFlagsAreUsageErrors) {
  EXPECT_EQ(Sweep("grid", json::parse(R"({"model": "arith-tiny"})")).exit_code, 2);
  EXPECT_EQ(Sweep("grid", json::parse(kPlan), {"--batch", "1"}).exit_code, 2);
  EXPECT_EQ(Sweep("grid", json::parse(kPlan), {"--jobs", "0"}).exit_code, 2);
  EXPECT_EQ(Sweep("grid", json::parse(kPlan), {"--memory", "much"}).exit_code, 2);
  std::ofstream(folder_ / "torn.json") << "{\"model\": ";
  EXPECT_EQ(RunKvscope({"sweep", folder_ / "torn.json", "--out", folder_ / "grid"}).exit_code, 4);
  EXPECT_EQ(RunKvscope({"sweep", folder_ / "absent.json", "--out", folder_ / "grid"}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "grid"));
}

TEST_F(SweepTest, FiftyKillsLoseAndDoubleNothing) {
  json plan = json::parse(kPlan);
  plan["questions"] = {8, 12};
  ASSERT_EQ(Sweep("whole", plan).exit_code, 0);
  std::mt19937 random(7);
  int kills = 0, completed = 0;
  while (kills < 50) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(random() % 250);
    const ProgramResult result = RunKvscopeWatched(Arguments("killed", plan), [&](pid_t pid) {
      if (std::chrono::steady_clock::now() >= deadline) ::kill(pid, SIGKILL);
    });
    if (result.exit_code == 128 + SIGKILL) {
      ++kills;
      continue;
    }
    ASSERT_EQ(result.exit_code, 0) << result.err;
    ++completed;
    ASSERT_EQ(Results("killed"), Results("whole"));
    std::filesystem::remove_all(folder_ / "killed");
  }
  ASSERT_EQ(Sweep("killed", plan).exit_code, 0);
  EXPECT_EQ(Results("killed"), Results("whole"));
  RecordProperty("completed_between_kills", completed);
}

// A limit on the size of files, set while the worker writes, stands for a full disk.
TEST_F(SweepTest, AFullDiskLosesNothingThatWasFinished) {
  json plan = json::parse(kPlan);
  plan["limit"] = 24;
  ASSERT_EQ(Sweep("whole", plan).exit_code, 0);
  const std::string folder = folder_ / "full/arith-tiny.arith+.8q.limit24.full";
  const auto old = std::signal(SIGXFSZ, SIG_IGN);  // the program inherits it
  const ProgramResult result = RunKvscopeWatched(Arguments("full", plan, {"--batch", "5"}), [&](pid_t pid) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(RunPath(folder, kSamplesFile), error);
    if (error || bytes == 0) return;
    const rlimit limit = {.rlim_cur = bytes + 100, .rlim_max = RLIM_INFINITY};
    if (const pid_t worker = FirstChild(pid); worker != 0) ::prlimit(worker, RLIMIT_FSIZE, &limit, nullptr);
  });
  std::signal(SIGXFSZ, old);
  EXPECT_EQ(result.exit_code, 4) << result.out;
  EXPECT_THAT(result.err, HasSubstr("failed"));
  const RunFolder run = *ReadRunFolder(folder);
  EXPECT_THAT(run.problems, IsEmpty()) << "no torn line";
  EXPECT_GT(run.samples.size(), 0u);
  ASSERT_EQ(Sweep("full", plan).exit_code, 0);
  EXPECT_EQ(Results("full"), Results("whole"));
}

TEST_F(SweepTest, AWorkersDeathCostsNothing) {
  ASSERT_EQ(Sweep("whole").exit_code, 0);
  std::set<pid_t> killed;
  const ProgramResult result = RunKvscopeWatched(Arguments("grid", json::parse(kPlan)), [&](pid_t pid) {
    const pid_t worker = FirstChild(pid);
    if (worker == 0 || !killed.empty()) return;
    ::kill(worker, SIGKILL);
    killed.insert(worker);
  });
  EXPECT_THAT(killed, SizeIs(1));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("killed by signal 9 (Killed); it is tried again alone"));
  EXPECT_EQ(Results("grid"), Results("whole"));
}

// On emulated devices, one worker each; the first that is seen dies, and its cells go to whichever is free.
TEST_F(SweepTest, EachDeviceHasAWorker) {
  json plan = json::parse(kPlan);
  plan["device"] = "emulated";
  plan["limit"] = 1;
  plan["max-new-tokens"] = 8;
  const ProgramResult one = Sweep("one", plan);
  if (one.err.find("--device emulated: this build") != std::string::npos) GTEST_SKIP() << one.err;
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ::setenv("KVSCOPE_SIMT_DEVICES", "2", /*overwrite=*/1);
  bool killed = false;
  const ProgramResult two = RunKvscopeWatched(Arguments("two", plan, {"--devices", "1,0"}), [&](pid_t pid) {
    const pid_t worker = killed ? 0 : FirstChild(pid);
    if (worker == 0) return;
    ::kill(worker, SIGKILL);
    killed = true;
  });
  EXPECT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(two.err, HasSubstr("killed by signal 9 (Killed); it is tried again alone"));
  EXPECT_EQ(Results("two"), Results("one"));
  std::set<std::string> devices;
  const json file = SweepFile("two");
  for (const json& cell : file.at("cells")) {
    const RunFolder run = *ReadRunFolder(folder_ / "two/" + cell.at("cell").get<std::string>());
    devices.insert(run.run.execution.at("device").at("visible").get<std::string>());
  }
  EXPECT_THAT(devices, SizeIs(2));

  ASSERT_EQ(Sweep("absent", plan, {"--devices", "7"}).exit_code, 4);
  const json absent = SweepFile("absent");
  EXPECT_THAT(absent.at("cells").front().at("reason").get<std::string>(), HasSubstr("no CUDA device"));
  ::unsetenv("KVSCOPE_SIMT_DEVICES");
  EXPECT_EQ(Sweep("x", plan, {"--devices", "0,0"}).exit_code, 2);
  EXPECT_EQ(Sweep("x", plan, {"--devices", "0", "--jobs", "2"}).exit_code, 2);
  EXPECT_EQ(Sweep("x", json::parse(kPlan), {"--devices", "0"}).exit_code, 2) << "no cell runs on a device";
}

TEST_F(SweepTest, ACellWhoseWorkerDiesEachTimeHasFailed) {
  const ProgramResult result = RunKvscopeWatched(Arguments("grid", json::parse(kPlan)), [](pid_t pid) {
    if (const pid_t worker = FirstChild(pid); worker != 0) ::kill(worker, SIGKILL);
  });
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.out, HasSubstr("5 cells, 5 failed"));
  EXPECT_THAT(SweepFile("grid").at("cells").front().at("reason").get<std::string>(),
              HasSubstr("the worker was killed by signal 9"));
  EXPECT_EQ(Sweep("grid").exit_code, 0) << "a failed cell is tried again";
}

TEST_F(SweepTest, AWorkerThatStandsStillIsKilled) {
  const ProgramResult result =
      RunKvscopeWatched(Arguments("grid", json::parse(kPlan), {"--watchdog", "1"}), [](pid_t pid) {
        if (const pid_t worker = FirstChild(pid); worker != 0) ::kill(worker, SIGSTOP);
      });
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(SweepFile("grid").at("cells").front().at("reason").get<std::string>(),
              AllOf(HasSubstr("no sign of life for 1 s"), HasSubstr("signal 9")));
}

TEST_F(SweepTest, AStoppedSweepIsResumed) {
  json plan = json::parse(kPlan);
  plan["limit"] = 6;
  ASSERT_EQ(Sweep("whole", plan).exit_code, 0);
  const std::string samples = RunPath(folder_ / "grid/arith-tiny.arith+.8q.limit6.full", kSamplesFile);
  const ProgramResult stopped = RunKvscopeUntil(Arguments("grid", plan, {"--batch", "4"}), [&] {
    std::error_code ignored;
    return std::filesystem::file_size(samples, ignored) > 0 && !ignored;
  });
  EXPECT_EQ(stopped.exit_code, 4) << stopped.out;
  EXPECT_THAT(stopped.out, HasSubstr("partial"));
  ASSERT_EQ(Sweep("grid", plan).exit_code, 0);
  EXPECT_EQ(Results("grid"), Results("whole"));
}

TEST_F(SweepTest, TwoProcessesOnOneFolderDoNotMix) {
  json plan = json::parse(kPlan);
  plan["limit"] = 12;
  ProgramResult second;
  const ProgramResult first = RunKvscopeWatched(Arguments("grid", plan), [&](pid_t pid) {
    if (second.exit_code == -1 && FirstChild(pid) != 0) second = Sweep("grid", plan);
  });
  EXPECT_EQ(first.exit_code, 0) << first.err;
  // It waits a while for the lock: it is refused, or finds all done.
  if (second.exit_code != 0) {
    EXPECT_EQ(second.exit_code, 2) << second.err;
    EXPECT_THAT(second.err, HasSubstr("another process"));
  }
  ASSERT_EQ(Sweep("whole", plan).exit_code, 0);
  EXPECT_EQ(Results("grid"), Results("whole"));
}

TEST_F(SweepTest, MemoryIsKeptTo) {
  ASSERT_EQ(Sweep("whole").exit_code, 0);
  ASSERT_EQ(Sweep("grid", json::parse(kPlan), {"--memory", "80MiB"}).exit_code, 0);
  EXPECT_EQ(Results("grid"), Results("whole"));
  const json file = SweepFile("grid");
  for (const json& cell : file.at("cells")) {
    const json timing =
        *ReadJsonFile(folder_ / "grid/" + cell.at("cell").get<std::string>() + "/timing.json");
    EXPECT_LT(timing.at("peak_rss_bytes").get<uint64_t>(), uint64_t{80} << 20);
  }
  EXPECT_EQ(Sweep("none", json::parse(kPlan), {"--memory", "1MiB"}).exit_code, 4);
  EXPECT_THAT(SweepFile("none").at("cells").front().at("reason").get<std::string>(),
              HasSubstr("--memory: 1048576 bytes for a worker"));
}

TEST_F(SweepTest, TheKneeIsTheSmallestWindowThatIsNotInferior) {
  const json plan = json::parse(R"({
    "model": "arith-tiny", "task": "arith+", "questions": 16, "limit": 12, "threads": 1, "recent": 8,
    "method": ["full", "full+slide"], "window": [12, 480, 512]})");
  const std::vector<std::string> flags = {"--find-knee", "--margin", "10", "--json"};
  const ProgramResult result = Sweep("knee", plan, flags);
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  const json knees = json::parse(result.out);
  ASSERT_THAT(knees, SizeIs(1));
  const json& knee = knees[0];
  // Windows that hold the whole output lose nothing; one of 12 loses what later questions refer to.
  EXPECT_EQ(knee.at("window"), 480);
  EXPECT_FALSE(knee.at("smallest_of_plan").get<bool>());
  ASSERT_THAT(knee.at("steps"), SizeIs(3));
  EXPECT_EQ(knee.at("steps")[0].at("window"), 512);
  EXPECT_EQ(knee.at("steps")[0].at("prompts"), 6) << "no difference in the first look decides";
  EXPECT_EQ(knee.at("steps")[2].at("decision"), "inferior");
  EXPECT_LT(knee.at("steps")[2].at("difference_points"), -10);
  EXPECT_EQ(*ReadJsonFile(folder_ / "knee/knee.json"), knees);

  const RunFolder early = *ReadRunFolder(folder_ / "knee/arith-tiny.arith+.16q.limit12.full+slide.R8");
  EXPECT_EQ(early.run.status, RunStatus::kPartial);
  EXPECT_THAT(early.samples, SizeIs(6));
  EXPECT_EQ(Sweep("knee", plan, flags).out, result.out) << "nothing new to run, the same knee";
  ASSERT_EQ(Sweep("knee", plan).exit_code, 0) << "a sweep completes what the search left partial";
  ASSERT_EQ(Sweep("whole", plan).exit_code, 0);
  EXPECT_EQ(Results("knee"), Results("whole"));
}

TEST_F(SweepTest, AKneeTakesTheFullCache) {
  const json plan = json::parse(R"({"model": "arith-tiny", "task": "arith+", "questions": 8, "limit": 2,
    "recent": 8, "method": "full+slide", "window": [16, 32]})");
  const ProgramResult result = Sweep("knee", plan, {"--find-knee"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("against the method 'full'"));
}

TEST_F(SweepTest, ADryRunTellsWhatASweepTakes) {
  const ProgramResult dry =
      RunKvscope({"sweep", PlanFile(json::parse(kPlan)), "--dry-run", "--json", "--on", "h100-sxm"});
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  const json forecasts = json::parse(dry.out);
  ASSERT_EQ(Sweep("grid").exit_code, 0);
  ASSERT_THAT(forecasts, SizeIs(5));
  for (const json& forecast : forecasts) {
    const RunFolder run = *ReadRunFolder(folder_ / "grid/" + forecast.at("cell").get<std::string>());
    size_t prompt_tokens = 0, most_bytes = 0, output_tokens = 0;
    for (const SampleRecord& record : run.samples) {
      prompt_tokens += static_cast<size_t>(*record.prompt_tokens);
      output_tokens += static_cast<size_t>(*record.output_tokens);
      most_bytes = std::max<size_t>(most_bytes, record.kv->allocated_bytes);
    }
    EXPECT_EQ(forecast.at("prompts"), run.samples.size());
    EXPECT_EQ(forecast.at("prompt_tokens"), prompt_tokens);
    EXPECT_GE(forecast.at("new_tokens"), output_tokens);
    EXPECT_GE(forecast.at("kv_bytes"), most_bytes);
    // A window binds before the answers end: what is held does not depend on where they do.
    const bool bounded = run.run.config.window.has_value();
    EXPECT_TRUE(!bounded || forecast.at("kv_bytes") == most_bytes) << forecast;
    EXPECT_GT(forecast.at("total_s"), 0);
  }
}

TEST_F(SweepTest, ADryRunNeedsNeitherModelNorFolder) {
  const json plan =
      json::parse(R"({"model": ["llama-3.1-8b-instruct", "absent"], "task": "arith+", "questions": 8,
    "limit": 1, "method": "full", "device": "cuda"})");
  const ProgramResult result = RunKvscope({"sweep", PlanFile(plan), "--dry-run", "--on", "h100-sxm"});
  EXPECT_EQ(result.exit_code, 4) << "one model is not known";
  EXPECT_THAT(result.out, AllOf(HasSubstr("~ estimated"), HasSubstr("cannot run: absent: neither a model")));
  EXPECT_EQ(RunKvscope({"sweep", PlanFile(plan), "--dry-run", "--on", "abacus"}).exit_code, 2);
}

TEST_F(SweepTest, TimedCellsAreRepeatedAndTheirRepetitionsResumed) {
  json plan = json::parse(kPlan);
  plan["method"] = {"full", "full+slide"};
  ASSERT_EQ(Sweep("grid", plan, {"--timing", "--repetitions", "2"}).exit_code, 0);
  plan["timing"] = true;
  ASSERT_EQ(Sweep("grid", plan, {"--repetitions", "3"}).exit_code, 0);
  int cells = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "grid")) {
    if (!std::filesystem::exists(entry.path() / kRunFile)) continue;
    ++cells;
    std::vector<std::string> problems;
    std::map<std::pair<int, std::string>, int> seen;
    const std::vector<Repetition> repetitions = *ReadRepetitions(entry.path(), problems);
    for (const Repetition& repetition : repetitions) {
      EXPECT_GT(repetition.time.decode_s, 0);
      ++seen[{repetition.repetition, repetition.sample}];
    }
    EXPECT_THAT(problems, IsEmpty());
    EXPECT_THAT(seen, SizeIs(3 * 2)) << "three repetitions of two samples";
    for (const auto& [key, count] : seen) EXPECT_EQ(count, 1);
    EXPECT_EQ(ReadRunFolder(entry.path())->run.config.mode, "timing");
  }
  EXPECT_EQ(cells, 3);
  EXPECT_EQ(Sweep("grid", plan, {"--jobs", "2"}).exit_code, 2) << "timed cells run alone";
}

}  // namespace
}  // namespace kvscope
