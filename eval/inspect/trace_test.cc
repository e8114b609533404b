#include "eval/inspect/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using testing::HasSubstr;

LedgerRow Row(int step, int layer, int head, std::vector<int> evicted, std::vector<float> attention = {}) {
  LedgerRow row{.step = step, .layer = layer, .head = head, .tokens = 10};
  row.evicted = std::move(evicted);
  row.evicted_attention = std::move(attention);
  return row;
}

Trace Make(std::vector<LedgerRow> rows) {
  return {.header = {{"format", "kvscope-trace-1"}, {"method", "full+slide"}}, .rows = std::move(rows)};
}

TEST(Trace, EqualTracesHaveNoDifferenceAndOneHash) {
  const Trace a = Make({Row(3, 0, 1, {7}, {0.25f}), Row(4, 0, 0, {2, 9})});
  const Trace noisy = Make({Row(3, 0, 1, {7}, {0.2500001f}), Row(4, 0, 0, {2, 9})});
  EXPECT_EQ(FirstDifference(a, noisy), "");
  EXPECT_EQ(TraceHash(a), TraceHash(noisy));
}

TEST(Trace, TheFirstDifferenceIsNamedByItsPlaceWithAttention) {
  const Trace a = Make({Row(3, 0, 1, {7}), Row(4, 1, 0, {2, 9}, {0.5f, 0.125f})});
  const Trace b = Make({Row(3, 0, 1, {7}), Row(4, 1, 0, {3, 9}, {0.25f, 0.125f}), Row(5, 0, 0, {1})});
  EXPECT_EQ(FirstDifference(a, b),
            "step 4, layer 1, head 0: given up only in the first [2 (attention 0.5)], only in the second [3 "
            "(attention "
            "0.25)]");
  EXPECT_NE(TraceHash(a), TraceHash(b));
}

TEST(Trace, AnEvictionThatOneLacksIsADifference) {
  const Trace longer = Make({Row(3, 0, 1, {7}), Row(4, 0, 0, {2})}), shorter = Make({Row(3, 0, 1, {7})});
  EXPECT_THAT(FirstDifference(longer, shorter),
              HasSubstr("step 4, layer 0, head 0: given up only in the first [2]"));
  EXPECT_THAT(FirstDifference(shorter, longer), HasSubstr("only in the second [2]"));
  const Trace later = Make({Row(4, 0, 0, {7})});
  EXPECT_THAT(FirstDifference(shorter, later),
              HasSubstr("step 3, layer 0, head 1: given up only in the first [7]"));
}

TEST(Trace, RunsOfDifferentMethodsAreNotCompared) {
  Trace other = Make({});
  other.header["method"] = "full";
  EXPECT_THAT(FirstDifference(Make({}), other),
              HasSubstr("method: \"full+slide\" in one, \"full\" in the other"));
}

class TraceFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  absl::StatusOr<Trace> Read(const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(path_, content).ok());
    return ReadTrace(path_);
  }
  std::string path_ = testing::TempDir() + "kvscope_trace_test_" + std::to_string(::getpid()) + ".jsonl";
};

TEST_F(TraceFile, WhatIsWrittenIsRead) {
  const LedgerRow row = Row(3, 0, 1, {7, 8}, {0.25f, 0.5f});
  const auto trace = Read("{\"format\":\"kvscope-trace-1\"}\n" + DumpJson(TraceLine(row)) + "\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  ASSERT_EQ(trace->rows.size(), 1u);
  EXPECT_EQ(TraceLine(trace->rows[0]), TraceLine(row));
}

TEST_F(TraceFile, BadLinesAreNamed) {
  const std::string header = "{\"format\":\"kvscope-trace-1\"}\n";
  for (const auto& [content, message] :
       {std::pair<std::string, const char*>{"", ":1: format"},
        {"[]", ":1: format"},
        {"{\"format\":\"x\"}", ":1: format"},
        {header + "3", ":2: line: expected an object"},
        {header + "{\"step\":\"a\"}", ":2: step: expected an integer"},
        {header + "{\"step\":4294967297}", ":2: step: expected an integer of 32 bits"},
        {header + "{\"step\":1,\"layer\":0,\"head\":0,\"tokens\":1,\"evicted\":[4294967297]}", ":2: evicted"},
        {header + "{\"step\":1,\"layer\":0,\"head\":0,\"tokens\":1,\"evicted\":[1.5]}", ":2: evicted"},
        {header + "{\"step\":1,\"layer\":0,\"head\":0,\"tokens\":1,\"evicted\":[1],\"attention\":[1,2]}",
         ":2: attention: expected as many"}}) {
    const auto trace = Read(content);
    EXPECT_EQ(trace.status().code(), absl::StatusCode::kDataLoss) << content;
    EXPECT_THAT(std::string(trace.status().message()), HasSubstr(message)) << content;
  }
}

}  // namespace
}  // namespace kvscope
