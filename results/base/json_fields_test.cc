#include "results/base/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using ::testing::HasSubstr;

const nlohmann::json& Sample() {
  static const auto json = nlohmann::json::parse(
      R"({"s": "x", "i": -3, "u": 18446744073709551615, "d": 1.5, "b": true, "n": null,
          "ints": [1, -2], "mixed": [1, "a"], "o": {}})");
  return json;
}

template <typename T>
std::string ErrorOf(const char* name) {
  T value;
  return std::string(JsonFields(Sample(), "a.json:7").Read(name, value).message());
}

TEST(JsonFields, ReadsEachType) {
  const JsonFields fields(Sample(), "a.json");
  std::string s;
  int i = 0;
  uint64_t u = 0;
  double d = 0;
  bool b = false;
  std::vector<int> ints;
  EXPECT_TRUE(fields.Read("s", s).ok() && fields.Read("i", i).ok() && fields.Read("u", u).ok() &&
              fields.Read("d", d).ok() && fields.Read("b", b).ok() && fields.Read("ints", ints).ok());
  EXPECT_EQ(s, "x");
  EXPECT_EQ(i, -3);
  EXPECT_EQ(u, UINT64_MAX);
  EXPECT_EQ(d, 1.5);
  EXPECT_TRUE(b);
  EXPECT_EQ(ints, (std::vector<int>{1, -2}));
  EXPECT_TRUE(fields.Read("i", d).ok()) << "an integer is a number";
}

TEST(JsonFields, ErrorsNamePlaceFieldAndBothValues) {
  EXPECT_EQ(ErrorOf<int>("s"), "a.json:7: field 's': expected an integer of 32 bits, found \"x\"");
  EXPECT_THAT(ErrorOf<std::string>("absent"), HasSubstr("found nothing"));
  EXPECT_THAT(ErrorOf<int>("u"), HasSubstr("18446744073709551615"));
  EXPECT_THAT(ErrorOf<uint64_t>("i"), HasSubstr("from 0"));
  EXPECT_THAT(ErrorOf<int>("d"), HasSubstr("1.5"));
  EXPECT_THAT(ErrorOf<std::vector<int>>("mixed"), HasSubstr("integers"));
  EXPECT_THAT(ErrorOf<double>("n"), HasSubstr("null"));
}

TEST(JsonFields, OptionalsMayBeAbsentButNotOfAnotherType) {
  const JsonFields fields(Sample(), "a.json");
  std::optional<int> value = 1;
  EXPECT_TRUE(fields.Read("n", value).ok());
  EXPECT_FALSE(value.has_value());
  EXPECT_TRUE(fields.Read("absent", value).ok());
  EXPECT_FALSE(fields.Read("s", value).ok());
  EXPECT_TRUE(fields.Read("i", value).ok());
  EXPECT_EQ(value, -3);
}

TEST(JsonFields, AValueThatIsNoObjectIsAnError) {
  const nlohmann::json array = nlohmann::json::array({1});
  std::optional<int> value;
  EXPECT_EQ(JsonFields(array, "a").Read("x", value).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(JsonFields(array, "a").CheckIsObject().code(), absl::StatusCode::kDataLoss);
}

TEST(JsonFields, AFieldThatNobodyKnowsMayBeAnError) {
  const nlohmann::json object = {{"a", 1}, {"b", 2}};
  EXPECT_TRUE(JsonFields(object, "x.json").CheckKnown({"a", "b", "c"}).ok());
  EXPECT_EQ(std::string(JsonFields(object, "x.json").CheckKnown({"a", "c"}).message()),
            "x.json: field 'b': expected one of a, c, found an unknown field");
}

}  // namespace
}  // namespace kvscope
