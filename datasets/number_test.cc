#include "datasets/number.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

TEST(CanonicalNumber, EqualNumbersAreEqualStrings) {
  EXPECT_EQ(CanonicalNumber("18"), "18");
  EXPECT_EQ(CanonicalNumber(" -10"), "-10");
  EXPECT_EQ(CanonicalNumber("+7"), "7");
  EXPECT_EQ(CanonicalNumber("1,450,000"), "1450000");
  EXPECT_EQ(CanonicalNumber("1,000.50"), "1000.5");
  EXPECT_EQ(CanonicalNumber("007.50"), "7.5");
  EXPECT_EQ(CanonicalNumber("3.00"), "3");
  EXPECT_EQ(CanonicalNumber("3."), "3");
  EXPECT_EQ(CanonicalNumber(".5"), "0.5");
  EXPECT_EQ(CanonicalNumber("000"), "0");
  EXPECT_EQ(CanonicalNumber("-0.0"), "0");
  EXPECT_EQ(CanonicalNumber("-0.5"), "-0.5");
  EXPECT_EQ(CanonicalNumber("123456789012345678901234567890"), "123456789012345678901234567890");
}

TEST(CanonicalNumber, WhatIsNoNumberIsNothing) {
  for (const char* text :
       {"",       " ",      "-",     ".",       "-.",  ",",  "1,00", "1,0000", ",100",  "1234,567",
        "1,,000", "1,000,", "1.2.3", "1.2,000", "12a", "$5", "5%",   "--5",    "1 000", "\xd9\xa3"}) {
    EXPECT_EQ(CanonicalNumber(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace kvscope
