// One file of each kind that the program reads from others, and what a command says and how it ends when the
// file is wrong: file, place, expected, found. What a parser refuses in detail is in the parsers' tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

constexpr int kUsage = 2;
constexpr int kDamaged = 4;

struct BadInput {
  std::string kind;
  std::string file;     // below the test's folder, in which `command` finds it as "@/..."
  std::string content;  // of the file
  std::vector<std::string> command;
  int exit_code;
  std::string message;  // behind the file's path
};

void PrintTo(const BadInput& input, std::ostream* out) { *out << input.kind; }

// MMLU's files are used once their SHA-256 is the catalog's.
const std::string kMmlu =
    "mirror/raw.githubusercontent.com/Linking-ai/SCOPE/8cbae48042e34da630c7a044f535de7a991c2999/data/MMLU/"
    "dev/"
    "abstract_algebra_dev.csv";
const std::string kPredictions =
    "published/H2O+slide_decoding_window_512_recent_window_256/llama_2048/gsm8k/H2O.json";

const std::vector<BadInput> kBadInputs = {
    {"gguf",
     "bad.gguf",
     "GGUF\3\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0\0"s,
     {"models", "@/bad.gguf"},
     kDamaged,
     "tensor count: expected at most 0 in the 0 bytes left, found 9223372036854775807"},
    {"safetensors",
     "model/model.safetensors",
     "\xa0\x0f\0\0\0\0\0\0{}"s,
     {"models", "@/model"},
     kDamaged,
     "header at byte 8: expected 4000 more bytes, found 2"},
    {"config",
     "model/config.json",
     R"({"architectures": ["LlamaForCausalLM"], "num_hidden_layers": -3})",
     {"models", "@/model"},
     kDamaged,
     "num_hidden_layers: expected an integer from 0 below 2^32, found -3"},
    {"tokenizer",
     "model/tokenizer.json",
     R"({"x": )",
     {"models", "@/model"},
     kDamaged,
     "byte 7: not valid JSON"},
    {"chat_template",
     "model/tokenizer_config.json",
     R"({"chat_template": 7})",
     {"models", "@/model"},
     kDamaged,
     "chat_template: expected a string or a list with one named default, found 7"},
    {"journal",
     "run/samples.jsonl",
     R"({"sample": 3})"s + "\n",
     {"score", "@/run"},
     kDamaged,
     "sha256: expected "},
    {"plan",
     "plan.json",
     R"({"model": "arith-tiny", "window": {"from": 1, "to": 0}})",
     {"sweep", "@/plan.json", "--out", "@/sweep"},
     kUsage,
     R"('window': expected {"from": N, "to": N, "times": N} or {"from": N, "to": N, "plus": N}, found )"},
    {"claims",
     "claims.json",
     R"({"schema": 1, "name": 3})",
     {"verify", "@/claims.json", "--runs", "@"},
     kDamaged,
     "field 'name': expected a string, found 3"},
    {"gate",
     "gate.json",
     R"({"schema": 1, "name": "x", "kv_bytes": "less"})",
     {"compare", "@/run", "@/run", "--gate", "@/gate.json"},
     kDamaged,
     R"(field 'kv_bytes': expected "exact" or an object with at_most_ratio, found "less")"},
    {"predictions",
     kPredictions,
     R"({"prompt": 1})",
     {"import", "scope", "@/published", "--out", "@/imported"},
     kDamaged,
     "record 1: field 'prompt': expected a string, found 1"},
    {"mmlu_csv",
     kMmlu,
     "What is 2 + 2?,1,2,3,4\n",
     {"fetch", "mmlu-dev", "--mirror", "file://@/mirror"},
     kDamaged,
     "expected 719 bytes with sha256 "},
};

// A model folder, and a run of it, that are sound.
class BadInputTest : public testing::TestWithParam<BadInput> {
 protected:
  static void SetUpTestSuite() {
    sound_ = new TemporaryFolder();
    ::setenv("KVSCOPE_CACHE", (*sound_ / "cache").c_str(), 1);
    const ProgramResult fetched = RunKvscope({"fetch", "arith-tiny", "--json"});
    ASSERT_EQ(fetched.exit_code, 0) << fetched.err;
    const std::string model = nlohmann::json::parse(fetched.out)[0]["folder"];
    std::filesystem::copy(model, *sound_ / "model");
    const ProgramResult run =
        RunKvscope({"run", "--model", "arith-tiny", "--task", "arith+", "--questions", "8", "--limit", "1",
                    "--method", "full", "--quiet", "--out", *sound_ / "run"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  static void TearDownTestSuite() {
    delete sound_;
    ::unsetenv("KVSCOPE_CACHE");
  }

  static TemporaryFolder* sound_;
};

TemporaryFolder* BadInputTest::sound_ = nullptr;

TEST_P(BadInputTest, IsRefusedByNameAndExitCode) {
  const BadInput& input = GetParam();
  const TemporaryFolder folder;
  for (const char* part : {"model", "run"}) std::filesystem::copy(*sound_ / part, folder / part);
  const std::string path = folder / input.file;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  ASSERT_TRUE(WriteFileAtomically(path, input.content).ok());
  std::vector<std::string> command = input.command;
  for (std::string& argument : command)
    if (const size_t at = argument.find('@'); at != std::string::npos) argument.replace(at, 1, folder.path());
  const ProgramResult result = RunKvscope(command);
  EXPECT_EQ(result.exit_code, input.exit_code) << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr(path + ": " + input.message));
}

INSTANTIATE_TEST_SUITE_P(EachKind, BadInputTest, testing::ValuesIn(kBadInputs),
                         [](const auto& instance) { return instance.param.kind; });

}  // namespace
}  // namespace kvscope
