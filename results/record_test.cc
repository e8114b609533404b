#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "results/base/sha256.h"
#include "results/run_record.h"
#include "results/sample_record.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;

SampleRecord FullSample() {
  SampleRecord record;
  record.sample = "arith+/16/000";
  record.prompt_sha256 = std::string(64, 'a');
  record.prompt_tokens = 120;
  record.output_tokens = 300;
  record.prompt_cut = true;
  record.text = "Answer_1: \"x\"\n";
  record.finish = FinishReason::kEos;
  record.answers = {{1, "47"}, {12, "-3"}};
  record.kv = KvRecord{.peak_bytes = 10,
                       .end_bytes = 8,
                       .decode_mean_bytes = 9.5,
                       .prefill_peak_bytes = 12,
                       .allocated_bytes = 64,
                       .score_bytes = 4,
                       .tokens_by_layer = {5, 6},
                       .requested_tokens = {4, -1},
                       .evictions = 3,
                       .moved_rows = 2};
  record.time = TimeRecord{.prefill_s = 0.5,
                           .compress_s = 0.25,
                           .decode_s = 2,
                           .select_s = 0.125,
                           .step_p50_s = 0.01,
                           .step_p99_s = 0.02};
  record.token_ids_sha256 = TokenIdsSha256(std::vector<int>{1, 2});
  return record;
}

TEST(SampleRecord, SurvivesJson) {
  const nlohmann::json json = ToJson(FullSample());
  const auto read = SampleRecordFromJson(json, "a:1");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
  EXPECT_EQ(read->answers.at(12), "-3");
  EXPECT_EQ(read->kv->requested_tokens, (std::vector<int>{4, -1}));
}

TEST(SampleRecord, WhatIsUnknownIsAbsent) {
  const nlohmann::json json = ToJson(SampleRecord());
  for (const char* name : {"prompt_tokens", "finish", "kv", "time", "token_ids_sha256", "error"})
    EXPECT_FALSE(json.contains(name)) << name;
  const auto read = SampleRecordFromJson(json, "a:1");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->time.has_value());
}

TEST(SampleRecord, HasTheFieldsOfTheContract) {
  const nlohmann::json json = ToJson(FullSample());
  for (const char* name : {"sample", "prompt_sha256", "prompt_tokens", "output_tokens", "text", "finish",
                           "answers", "kv", "time", "token_ids_sha256"})
    EXPECT_TRUE(json.contains(name)) << name;
  for (const char* name :
       {"peak_bytes", "end_bytes", "decode_mean_bytes", "tokens_by_layer", "requested_tokens", "evictions"})
    EXPECT_TRUE(json["kv"].contains(name)) << name;
  for (const char* name : {"prefill_s", "compress_s", "decode_s", "select_s", "step_p50_s", "step_p99_s"})
    EXPECT_TRUE(json["time"].contains(name)) << name;
}

TEST(SampleRecord, WrongContentIsRefusedByName) {
  struct Case {
    const char* pointer;
    nlohmann::json value;
    const char* message;
  };
  const Case cases[] = {{"/schema", 3, "field 'schema': expected 1 to 2, found 3"},
                        {"/sample", 3, "field 'sample'"},
                        {"/finish", "stop", "found \"stop\""},
                        {"/answers", nlohmann::json::array(), "field 'answers'"},
                        {"/answers/x", "1", "field 'answers'"},
                        {"/answers/1", 1, "field 'answers'"},
                        {"/kv", "none", "field 'kv'"},
                        {"/kv/evictions", -1, "s.jsonl:3: kv: field 'evictions'"},
                        {"/kv/tokens_by_layer", "5", "field 'tokens_by_layer'"},
                        {"/time/prefill_s", "fast", "field 'prefill_s'"},
                        {"/prompt_tokens", 1.5, "field 'prompt_tokens'"}};
  for (const Case& c : cases) {
    nlohmann::json json = ToJson(FullSample());
    json[nlohmann::json::json_pointer(c.pointer)] = c.value;
    const auto read = SampleRecordFromJson(json, "s.jsonl:3");
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << c.pointer;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("s.jsonl:3"));
  }
  EXPECT_FALSE(SampleRecordFromJson(nlohmann::json(7), "a").ok());
}

TEST(TokenIdsSha256, HashesLittleEndian32BitIntegers) {
  EXPECT_EQ(TokenIdsSha256({}), Sha256Hex(""));
  const std::vector<int> ids = {1, 0x01020304, -1};
  EXPECT_EQ(TokenIdsSha256(ids), Sha256Hex(std::string_view("\1\0\0\0\4\3\2\1\xff\xff\xff\xff", 12)));
}

RunRecord FullRun() {
  RunRecord run;
  run.reason = "not finished";
  run.config.model = "arith-tiny";
  run.config.task = "arith+";
  run.config.questions = 16;
  run.config.method = "full+slide";
  run.config.window = 64;
  run.config.recent = 32;
  run.config.mode = "accuracy";
  run.model_sha256 = "m";
  run.tokenizer_sha256 = "t";
  run.data_sha256 = "d";
  run.command_line = {"kvscope", "run"};
  run.samples_expected = 4;
  return run;
}

TEST(RunRecord, SurvivesJson) {
  const nlohmann::json json = ToJson(FullRun());
  const auto read = RunRecordFromJson(json, "run.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
  EXPECT_EQ(json.at("config").at("prefill_budget"), nullptr);
}

TEST(RunRecord, TheIdChangesWithWhatDecidesTheResultsOnly) {
  const std::string id = RunId(FullRun());
  EXPECT_EQ(id.size(), 64u);
  RunRecord run = FullRun();
  run.command_line = {"other"};
  run.machine = {{"cpu", "other"}};
  run.status = RunStatus::kFailed;
  EXPECT_EQ(RunId(run), id);
  run.config.window = 128;
  EXPECT_NE(RunId(run), id);
  run = FullRun();
  run.model_sha256 = "n";
  EXPECT_NE(RunId(run), id);
  run = FullRun();
  run.data_sha256 = "e";
  EXPECT_NE(RunId(run), id);
}

// The id as it was before --filler: SHA-256 of the same record without that field, computed apart.
TEST(RunRecord, FillersAreInTheIdOnlyWhereThereAreSome) {
  RunRecord run = FullRun();
  EXPECT_EQ(RunId(run), "415fbed175379f43b3d38860ae6d3ca1113436b5c298ca8c626fc5c5920b12c2");
  run.config.filler = 4;
  EXPECT_NE(RunId(run), RunId(FullRun()));
  const auto read = RunRecordFromJson(ToJson(run), "run.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->config.filler, 4.0);
}

TEST(RunRecord, AnEditedConfigurationIsNoticed) {
  nlohmann::json json = ToJson(FullRun());
  json["config"]["window"] = 128;
  EXPECT_THAT(std::string(RunRecordFromJson(json, "run.json").status().message()), HasSubstr("'run_id'"));
}

TEST(RunRecord, WrongContentIsRefusedByName) {
  for (const char* pointer : {"/schema", "/status", "/config", "/config/window", "/command_line", "/resumed",
                              "/samples_expected", "/model_sha256"}) {
    nlohmann::json json = ToJson(FullRun());
    json[nlohmann::json::json_pointer(pointer)] = 1.5;
    const auto read = RunRecordFromJson(json, "run.json");
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << pointer;
  }
}

}  // namespace
}  // namespace kvscope
