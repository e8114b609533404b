#include "eval/scorers/written_number.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

// The canonical form when the whole text is one number.
std::optional<std::string> Whole(std::string_view text) {
  const std::optional<WrittenNumber> number = ParseWrittenNumber(text, 0);
  return number && number->end == text.size() ? std::optional(number->canonical) : std::nullopt;
}

TEST(WrittenNumber, IsCanonicalByValue) {
  const std::pair<const char*, const char*> cases[] = {
      {"18", "18"},
      {"18.0", "18"},
      {"018.50", "18.5"},
      {"1,000", "1000"},
      {"1,234,567.5", "1234567.5"},
      {"$5", "5"},
      {"-$5", "-5"},
      {"$-5", "-5"},
      {"$ 5", "5"},
      {"+7", "7"},
      {"-0", "0"},
      {"-0.00", "0"},
      {"0.50", "0.5"},
      {".5", "0.5"},
      {"50%", "50"},
      {"50\\%", "50"},
      {"\\$12", "12"},
      {"\xE2\x88\x92"
       "3",
       "-3"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"0.1000000000000000000001", "0.1000000000000000000001"}};
  for (const auto& [text, canonical] : cases) EXPECT_EQ(Whole(text), canonical) << text;
}

TEST(WrittenNumber, WhatIsNoWholeNumberIsRefused) {
  for (const char* text :
       {"", "-", "$", ".", "x", "1x", "3/4", "10:30", "1,00", "12,34", "1.2.3", "--1", "1,0000"})
    EXPECT_EQ(Whole(text), std::nullopt) << text;
}

TEST(WrittenNumber, EndsWhereTheTextGoesOn) {
  EXPECT_EQ(ParseWrittenNumber("is 18. Next", 3)->end, 5u);
  EXPECT_EQ(ParseWrittenNumber("44.A2 44", 0)->canonical, "44");
  EXPECT_EQ(ParseWrittenNumber("1,000,5", 0)->canonical, "1000");
  EXPECT_EQ(ParseWrittenNumber("5, 6", 0)->end, 1u);
  EXPECT_EQ(ParseWrittenNumber("5% of it", 0)->end, 2u);
  EXPECT_FALSE(ParseWrittenNumber("5", 7).has_value()) << "behind the end";
}

}  // namespace
}  // namespace kvscope
