// `kvscope models` on the built program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// Every test has a cache of its own, empty at first.
class ModelsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::setenv("KVSCOPE_CACHE", cache_.path().c_str(), 1), 0); }

  TemporaryFolder cache_;
};

TEST_F(ModelsTest, ListsTheCatalog) {
  const ProgramResult result = RunKvscope({"models", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json list = json::parse(result.out);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0]["name"], "arith-tiny");
  EXPECT_EQ(list[0]["present"], true);
  EXPECT_EQ(list[2]["name"], "llama-3.1-8b-instruct");
  EXPECT_EQ(list[2]["present"], false);
  EXPECT_THAT(RunKvscope({"models"}).out, HasSubstr("smollm2-135m"));
}

TEST_F(ModelsTest, ShowsTheShapeOfTheEmbeddedModel) {
  const ProgramResult result = RunKvscope({"models", "arith-tiny", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json model = json::parse(result.out);
  EXPECT_EQ(model["layers"], 4);
  EXPECT_EQ(model["parameters"], 856320);
  EXPECT_EQ(model["element_types"], "F16");
  EXPECT_EQ(model["kv_values_per_token"], 2 * 4 * 2 * 32);
  EXPECT_EQ(model["tokenizer"], true);
  EXPECT_EQ(model["chat_template"], "plain");
  const std::string folder = model["path"];
  EXPECT_EQ(RunKvscope({"models", folder}).exit_code, 0);
}

TEST_F(ModelsTest, WhatIsAbsentExits5AndWhatIsDamaged4) {
  EXPECT_EQ(RunKvscope({"models", "no-such-model"}).exit_code, 5);
  const ProgramResult not_fetched = RunKvscope({"models", "smollm2-135m"});
  EXPECT_EQ(not_fetched.exit_code, 5);
  EXPECT_THAT(not_fetched.err, HasSubstr("kvscope fetch smollm2-135m"));
  const ProgramResult gated = RunKvscope({"models", "llama-3.1-8b-instruct"});
  EXPECT_EQ(gated.exit_code, 5);
  EXPECT_THAT(gated.err, HasSubstr("accept the licence"));
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "bad.gguf", "GGUF\3").ok());
  const ProgramResult damaged = RunKvscope({"models", folder / "bad.gguf"});
  EXPECT_EQ(damaged.exit_code, 4);
  EXPECT_THAT(damaged.err, HasSubstr("bad.gguf: version"));
}

}  // namespace
}  // namespace kvscope
