#include "eval/scorers/published_patterns.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <memory>
#include <random>
#include <string>

namespace kvscope {
namespace {

// A regular expression with the meaning that Python's `re` gives it on str: \d and \s of Unicode, "." all but
// a line feed. (PCRE2's \s lacks U+001C to U+001F, so the random texts do too.)
class Pattern {
 public:
  explicit Pattern(const char* text, uint32_t options = 0) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
        pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text), PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | options, &error, &offset, context.get());
  }
  ~Pattern() { pcre2_code_free(code_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  std::vector<PatternMatch> FindAll(const std::string& text) const {
    std::vector<PatternMatch> matches;
    std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code_, nullptr), pcre2_match_data_free);
    size_t at = 0;
    while (pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, data.get(),
                       nullptr) > 0) {
      const PCRE2_SIZE* const span = pcre2_get_ovector_pointer(data.get());
      matches.push_back({span[0], span[2], span[3]});
      at = span[1];
    }
    return matches;
  }

 private:
  pcre2_code* code_ = nullptr;
};

// Texts made of the pieces that the patterns care about, so that near misses are as common as matches.
std::string RandomText(std::mt19937& random) {
  static const char* const kPieces[] = {
      "Answer_", "Answer_1:",  "Answer_23:",  "1",           "47",     ":",      " ",     "\n",
      "\t",      "answer is ", "answer is (", "answer is 5", "(",      ")",      "A",     "B)",
      "x",       "####",       "#",           "\u0663",      "\u00a0", "\u2028", "\u00e9"};
  std::uniform_int_distribution<size_t> pieces(0, std::size(kPieces) - 1), lengths(0, 24);
  std::string text;
  for (size_t n = lengths(random); n > 0; --n) text += kPieces[pieces(random)];
  return text;
}

TEST(PublishedPatterns, FindWhatARegexEngineFinds) {
  const Pattern gold(R"(####\s*(\d+))");
  const Pattern numbers(R"(Answer_\d+:\s*.*?answer is (\d+))", PCRE2_DOTALL);
  const Pattern letters(R"(Answer_\d+:\s*.*?answer is \((.*?)\))");
  std::mt19937 random(20250101);
  size_t found = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::string text = RandomText(random);
    const std::vector<PatternMatch> golds = gold.FindAll(text);
    const auto first_gold = golds.empty() ? std::nullopt : std::optional(golds.front());
    ASSERT_EQ(FindPublishedGold(text), first_gold) << text;
    ASSERT_EQ(FindPublishedNumbers(text), numbers.FindAll(text)) << text;
    ASSERT_EQ(FindPublishedLetters(text), letters.FindAll(text)) << text;
    found += FindPublishedNumbers(text).size() + FindPublishedLetters(text).size() + golds.size();
  }
  EXPECT_GT(found, 20'000u) << "the texts are too poor to say anything";
}

std::string Captured(const std::string& text, const PatternMatch& match) {
  return text.substr(match.begin, match.end - match.begin);
}

TEST(PublishedPatterns, NumbersCrossLinesAndHeaders) {
  const std::string text = "Answer_1: so 5.\nAnswer_2: The answer is 7. Answer_3:\nThe answer is $8";
  const auto matches = FindPublishedNumbers(text);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(Captured(text, matches[0]), "7");
  EXPECT_EQ(matches[0].match_begin, 0u);
}

TEST(PublishedPatterns, LettersStayOnTheLineThatFollowsTheWhiteSpace) {
  const std::string text = "Answer_1:\n\n The answer is (B).\nAnswer_2: a\nThe answer is (C).";
  const auto matches = FindPublishedLetters(text);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(Captured(text, matches[0]), "B");
}

TEST(PublishedPatterns, TheGoldIsCutAtItsSeparatorAndHasNoSign) {
  EXPECT_EQ(Captured("x #### 1,000", *FindPublishedGold("x #### 1,000")), "1");
  EXPECT_FALSE(FindPublishedGold("#### -10").has_value());
}

// Each of these is quadratic or worse for a backtracking engine; the test would run into its time limit.
TEST(PublishedPatterns, HostileTextsTakeLinearTime) {
  constexpr int kRepeats = 100'000;
  std::string no_digits, unclosed, headers, marks_behind_headers, hashes;
  for (int i = 0; i < kRepeats; ++i) {
    no_digits += "answer is x";
    unclosed += "Answer_1: answer is (";
    headers += "Answer_1:";
    marks_behind_headers += "Answer_1:   Answer_9";
    hashes += "#### ";
  }
  for (const std::string& text : {"Answer_1:" + no_digits, unclosed, headers, marks_behind_headers, hashes}) {
    EXPECT_TRUE(FindPublishedNumbers(text).empty());
    EXPECT_TRUE(FindPublishedLetters(text).empty());
    EXPECT_FALSE(FindPublishedGold(text).has_value());
  }
}

}  // namespace
}  // namespace kvscope
