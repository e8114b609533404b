#include "datasets/published/mmlu_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using testing::ElementsAre;

Example Question(std::string text, std::vector<std::string> options) {
  Example example;
  example.question = std::move(text);
  example.options = std::move(options);
  return example;
}

TEST(MmluRules, OptionsAreJoinedWithoutSpaceAndNoneBecomesNan) {
  EXPECT_EQ(PublishedMmluQuestion(Question("How many?", {"None", "one", "NONE", "Null"})),
            "How many?\n(A) nan(B) one(C) NONE(D) Null");
  EXPECT_TRUE(IsPandasMissing(""));
  EXPECT_TRUE(IsPandasMissing("N/A"));
  EXPECT_FALSE(IsPandasMissing("none"));
}

TEST(MmluRules, AQuestionFallsApartAtABlankLine) {
  EXPECT_THAT(
      PublishedMmluPieces({Question("a\n\nb", {"1", "2", "3", "4"}), Question("c", {"1", "2", "3", "4"})}),
      ElementsAre("a", "b\n(A) 1(B) 2(C) 3(D) 4", "c\n(A) 1(B) 2(C) 3(D) 4"));
  // A question that ends in a line end leaves its options alone.
  EXPECT_THAT(PublishedMmluPieces({Question("a\n", {"1", "2", "3", "4"})}),
              ElementsAre("a", "(A) 1(B) 2(C) 3(D) 4"));
  // Of three line ends the first two part.
  EXPECT_THAT(PublishedMmluPieces({Question("a\n\n\nb", {"1", "2", "3", "4"})}),
              ElementsAre("a", "\nb\n(A) 1(B) 2(C) 3(D) 4"));
  EXPECT_THAT(PublishedMmluPieces({Question("a", {"1", "2", "3", "4\n"})}),
              ElementsAre("a\n(A) 1(B) 2(C) 3(D) 4", "\n"));
  EXPECT_TRUE(PublishedMmluPieces({}).empty());
}

TEST(MmluRules, ExamplesLoseTheirLastOption) {
  EXPECT_EQ(
      PublishedMmluExamples("About x.\n\nQ: One?\n(A) 1 (B) 2 (C) 3 (D) 4\nA: Think. The answer is (C).\n\n"
                            "Q: Two?\n(A) 1 (B) 2 (C) 3 (D) 4\nA: Hm. The answer is (A)."),
      "Question_1:\nOne?\n(A) 1 (B) 2 (C) 3 (D)\n\n"
      "Question_2:\nTwo?\n(A) 1 (B) 2 (C) 3 (D)\n\n"
      "Answer_1:\nThink. The answer is (C)\n\n"
      "Answer_2:\nHm. The answer is (A)\n\n");
  EXPECT_EQ(PublishedMmluExamples("no example"), "");
  EXPECT_EQ(PublishedMmluExamples("Q: cut off (A) 1"), "");
}

}  // namespace
}  // namespace kvscope
