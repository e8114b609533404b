#include "eval/scorers/published.h"

#include <optional>
#include <vector>

#include "eval/scorers/published_patterns.h"

namespace kvscope {
namespace {

// The gold as this scorer has it; nullopt where its pattern finds none, and no prediction can be right.
std::optional<std::string> PublishedGold(const Prompt& prompt, const PromptQuestion& question) {
  if (prompt.task != "gsm8k+") return question.gold;
  const std::optional<PatternMatch> match = FindPublishedGold(question.answer);
  if (!match) return std::nullopt;
  return question.answer.substr(match->begin, match->end - match->begin);
}

}  // namespace

SampleScore ScorePublished(const Prompt& prompt, std::string_view text) {
  const bool letters = prompt.task == "mmlu+" || prompt.task == "csqa+";
  const std::vector<PatternMatch> matches = letters ? FindPublishedLetters(text) : FindPublishedNumbers(text);
  SampleScore score;
  score.sample = prompt.sample;
  for (size_t i = 0; i < prompt.questions.size(); ++i) {
    const PromptQuestion& question = prompt.questions[i];
    const std::optional<std::string> gold = PublishedGold(prompt, question);
    QuestionScore& out = score.questions.emplace_back();
    out.number = question.number;
    out.kind = question.kind;
    out.gold = gold.value_or("");
    if (i >= matches.size()) continue;
    out.begin = matches[i].match_begin;
    out.end = matches[i].end;
    out.answer = text.substr(matches[i].begin, matches[i].end - matches[i].begin);
    out.verdict = gold && out.answer == *gold ? Verdict::kCorrect : Verdict::kWrong;
  }
  if (matches.size() > prompt.questions.size())
    score.extra_answers = static_cast<int>(matches.size() - prompt.questions.size());
  return score;
}

}  // namespace kvscope
