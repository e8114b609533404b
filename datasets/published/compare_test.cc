#include "datasets/published/compare.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

using nlohmann::json;

json Record() { return {{"prompt", "one two"}, {"questions", {"q1", "q2"}}, {"answers", {"A", "B"}}}; }

TEST(Compare, EqualRecordsHaveNoDifference) {
  EXPECT_EQ(FirstDifference("f", {Record(), Record()}, {Record(), Record()}), "");
  EXPECT_EQ(FirstDifference("f", {}, {}), "");
}

TEST(Compare, NamesRecordFieldAndByte) {
  json other = Record();
  other["prompt"] = "one too";
  EXPECT_EQ(FirstDifference("f", {Record(), Record()}, {Record(), other}),
            "f: record 1: prompt: byte 5: expected \"one two\", built \"one too\"");
  other = Record();
  other["questions"][1] = "q22";
  EXPECT_EQ(FirstDifference("f", {Record()}, {other}),
            "f: record 0: questions[1]: byte 2: expected \"q2\", built \"q22\"");
  other = Record();
  other["answers"].push_back("C");
  EXPECT_EQ(FirstDifference("f", {Record()}, {other}), "f: record 0: answers: expected 2 items, built 3");
  other = Record();
  other["task"] = "x";
  EXPECT_EQ(FirstDifference("f", {Record()}, {other}),
            "f: record 0: task: expected \"null\", built \"\\\"x\\\"\"");
  EXPECT_EQ(FirstDifference("f", {Record()}, {}), "f: expected 1 records, built 0");
}

}  // namespace
}  // namespace kvscope
