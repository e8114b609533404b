#include "results/base/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using ::testing::HasSubstr;

std::string Nested(int depth) {
  const auto times = static_cast<size_t>(depth);
  return std::string(times, '[') + std::string(times, ']');
}

TEST(ParseJson, ErrorsNameTheByte) {
  const auto parsed = ParseJson("{\"a\": tru}", "plan.json");
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(parsed.status().message()), "plan.json: byte 10: not valid JSON");
}

TEST(ParseJson, NestingIsBounded) {
  EXPECT_TRUE(ParseJson(Nested(kMaxJsonNesting), "a").ok());
  // A value this deep would overflow the stack when it is copied.
  for (const int depth : {kMaxJsonNesting + 1, 1'000'000}) {
    const auto parsed = ParseJson(Nested(depth), "plan.json");
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(parsed.status().message()),
                HasSubstr("plan.json: byte 65: expected lists and objects at most 64 deep"));
  }
}

TEST(ParseJson, BracketsInStringsNestNothing) {
  const std::string brackets(1000, '[');
  for (const std::string& text : {brackets, "\\\"" + brackets, std::string("\\\\")}) {
    const auto parsed = ParseJson("[\"" + text + "\", {\"k\": [1]}]", "a");
    EXPECT_TRUE(parsed.ok()) << parsed.status();
  }
}

}  // namespace
}  // namespace kvscope
