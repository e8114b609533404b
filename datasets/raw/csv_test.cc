#include "datasets/raw/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The examples of RFC 4180, section 2.
TEST(Csv, ReadsTheStandardsExamples) {
  EXPECT_THAT(*ParseCsv("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "x"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(*ParseCsv("aaa,bbb,ccc\r\nzzz,yyy,xxx", "x"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(*ParseCsv("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx", "x"),
              ElementsAre(ElementsAre("aaa", "b\r\nbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(*ParseCsv("\"aaa\",\"b\"\"bb\",\"ccc\"", "x"), ElementsAre(ElementsAre("aaa", "b\"bb", "ccc")));
}

TEST(Csv, KeepsBlankLinesInFieldsAndEmptyFields) {
  EXPECT_THAT(*ParseCsv("\"a\n\nb\",,\"\"\n", "x"), ElementsAre(ElementsAre("a\n\nb", "", "")));
  EXPECT_THAT(*ParseCsv(",", "x"), ElementsAre(ElementsAre("", "")));
  EXPECT_THAT(*ParseCsv("", "x"), ElementsAre());
  EXPECT_THAT(*ParseCsv("a \"b\" c,d\re\n", "x"), ElementsAre(ElementsAre("a \"b\" c", "d\re")));
}

TEST(Csv, NamesTheLineOfAnError) {
  const auto open = ParseCsv("a,b\n\"c\nd\",\"e\nf\n", "m.csv");
  EXPECT_EQ(open.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(open.status().message()), HasSubstr("m.csv:3: a quoted field begins here"));
  const auto trailing = ParseCsv("a\n\"b\"c\n", "m.csv");
  EXPECT_EQ(trailing.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(trailing.status().message()), HasSubstr("m.csv:2: expected a comma"));
}

}  // namespace
}  // namespace kvscope
