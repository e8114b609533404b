// How well a sample, and a run, answered its questions.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace kvscope {

enum class Verdict {
  kCorrect,
  kWrong,       // an answer was read, and it is not the gold
  kUnparsable,  // the question was taken up, but no answer can be read
  kMissing      // the question was not taken up
};
std::string_view Name(Verdict verdict);

struct QuestionScore {
  int number = 0;
  Verdict verdict = Verdict::kMissing;
  std::string gold;    // as the scorer compares it
  std::string answer;  // likewise; empty where none was read
  size_t begin = 0;    // bytes [begin, end) of the output that the scorer judged
  size_t end = 0;
  std::string kind;   // arith+ only, as in PromptQuestion
  std::string error;  // arith+ only, of a question not answered right: "lookup", "arithmetic" or "format"
};

struct SampleScore {
  std::string sample;
  std::vector<QuestionScore> questions;
  // What the output holds past what was asked.
  int extra_answers = 0;      // headers of unknown or repeated numbers
  size_t trailing_bytes = 0;  // behind the line of the last question's answer

  int Count(Verdict verdict) const;
  double Fraction() const;  // correct / questions; 0 for a prompt without questions
  bool Overran() const { return extra_answers > 0 || trailing_bytes > 0; }
};

struct RunScore {
  std::string scorer;
  int samples = 0;
  int questions = 0;
  int correct = 0;
  int wrong = 0;
  int unparsable = 0;
  int missing = 0;
  int overrun = 0;           // samples
  double score_percent = 0;  // mean over samples of correct / questions, not rounded
  std::map<std::string, int> questions_by_kind;
  std::map<std::string, int> correct_by_kind;
  std::map<std::string, int> errors;

  int Answered() const { return correct + wrong; }
};

RunScore Summarize(std::string_view scorer, const std::vector<SampleScore>& samples);

// Rounded to 4 decimals, as published tables have it.
double RoundedPercent(double percent);

// {scorer, score_percent, samples, questions, answered, correct, wrong, unparsable, missing, overrun, and for
// arith+ kinds {kind: {questions, correct}} and errors}
nlohmann::json ToJson(const RunScore& score);

}  // namespace kvscope
