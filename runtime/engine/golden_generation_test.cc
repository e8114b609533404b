// Greedy generations of the reference implementation with SmolLM2-135M on a real prompt (format
// scope-greedy-1), met token by token up to the first step whose two best logits lie so near that float noise
// may decide.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/golden_params.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr double kSmallMargin = 1e-3;

struct Generation {
  std::string name;
  SequenceRequest request;
  std::vector<int> expected;
  size_t certain = 0;  // tokens before the first small margin
};

Generation ReadGeneration(const json& golden, Semantics semantics) {
  Generation generation;
  generation.name = golden.at("name");
  const auto made = MethodOfParams(golden.at("params"), semantics);
  EXPECT_TRUE(made.ok()) << made.status();
  generation.request.method = *made;
  generation.request.prompt = golden.at("prompt_ids").get<std::vector<int>>();
  generation.expected = golden.at("generated_ids").get<std::vector<int>>();
  generation.request.max_new_tokens = static_cast<int>(generation.expected.size());
  const std::vector<double> margins = golden.at("top2_margin");
  const auto small =
      std::find_if(margins.begin(), margins.end(), [](double margin) { return margin < kSmallMargin; });
  generation.certain = static_cast<size_t>(small - margins.begin());
  return generation;
}

class GoldenGenerations : public testing::Test {
 protected:
  void SetUp() override {
    const char* golden = std::getenv("KVSCOPE_GOLDEN");
    if (golden == nullptr) GTEST_SKIP() << "KVSCOPE_GOLDEN names no folder of golden generations";
    const std::string path = testing_files::CachedSmolLm2();
    if (path.empty()) GTEST_SKIP() << "smollm2-135m is not in the cache: kvscope fetch smollm2-135m";
    folder_ = std::string(golden) + "/smollm2";
    auto model = LoadModel(path);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *model;
  }

  std::vector<Generation> Read(Semantics semantics, const std::string& only = "") const {
    std::vector<Generation> generations;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const auto golden = ReadJsonFile(entry.path());
      EXPECT_TRUE(golden.ok()) << golden.status();
      if (golden->at("format") != "scope-greedy-1") continue;
      if (entry.path().stem().string().find(only) == std::string::npos) continue;
      generations.push_back(ReadGeneration(*golden, semantics));
    }
    return generations;
  }

  void Check(const std::vector<Generation>& generations, const EngineOptions& options) const {
    ASSERT_FALSE(generations.empty());
    std::vector<SequenceRequest> requests;
    for (const Generation& generation : generations) requests.push_back(generation.request);
    auto engine = Engine::Create(model_, options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    EngineCallbacks callbacks;
    callbacks.finished = [&](size_t i, SequenceResult result) {
      const Generation& g = generations[i];
      ASSERT_EQ(result.finish, Finish::kLength) << g.name << ": " << result.error;
      const auto end = g.expected.begin() + static_cast<std::ptrdiff_t>(g.certain);
      const auto at = std::mismatch(g.expected.begin(), end, result.tokens.begin()).first;
      EXPECT_EQ(at, end) << g.name << ": token " << at - g.expected.begin() << " of " << g.certain
                         << " certain ones";
      fmt::print("{}: {} of {} tokens certain, all met\n", g.name, g.certain, g.expected.size());
    };
    const absl::Status status = (*engine)->Generate(requests, callbacks);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string folder_;
  std::shared_ptr<const Model> model_;
};

TEST_F(GoldenGenerations, FullCacheInCleanSemantics) { Check(Read(Semantics::kClean, "full_none"), {}); }

TEST_F(GoldenGenerations, EveryMethodInPublishedSemanticsInOneBatch) {
  Check(Read(Semantics::kPublished), {.batch = 10});
}

}  // namespace
}  // namespace kvscope
