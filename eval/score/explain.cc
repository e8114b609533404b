#include "eval/score/explain.h"

#include <algorithm>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr size_t kShownBytes = 160;

// One line, the middle of a long text left out.
std::string Shown(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n')
      line += "\\n";
    else
      line.push_back(c);
  }
  if (line.size() <= kShownBytes) return line;
  return fmt::format("{} ... {}", line.substr(0, kShownBytes / 2),
                     line.substr(line.size() - kShownBytes / 2));
}

std::string Judgement(std::string_view scorer, const QuestionScore& score, std::string_view text) {
  std::string line = fmt::format("  {:<10}{}", scorer, Name(score.verdict));
  if (!score.answer.empty()) line += fmt::format(", read '{}', gold '{}'", Shown(score.answer), score.gold);
  if (!score.error.empty()) line += fmt::format(", {} error", score.error);
  if (score.end > score.begin)
    line += fmt::format("\n  {:<10}bytes {}-{}: {}", "", score.begin, score.end,
                        Shown(text.substr(score.begin, score.end - score.begin)));
  return line + "\n";
}

}  // namespace

std::string Explain(const JudgedRun& run, const JudgedSample& sample) {
  std::string out = fmt::format("{}: {}\n", run.folder, sample.prompt.sample);
  for (size_t i = 0; i < sample.prompt.questions.size(); ++i) {
    const PromptQuestion& question = sample.prompt.questions[i];
    out += fmt::format("\nQuestion {}: {}\n  gold      {}\n", question.number, Shown(question.question),
                       question.gold);
    for (const std::string& scorer : ScorerNames())
      out += Judgement(scorer, run.Of(sample, scorer).questions[i], sample.record.text);
  }
  for (const std::string& scorer : ScorerNames()) {
    const SampleScore& score = run.Of(sample, scorer);
    out += fmt::format("\n{}: {} of {} right; {} extra answers, {} bytes behind the last answer", scorer,
                       score.Count(Verdict::kCorrect), score.questions.size(), score.extra_answers,
                       score.trailing_bytes);
  }
  return out + "\n";
}

}  // namespace kvscope
