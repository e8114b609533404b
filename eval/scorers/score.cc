#include "eval/scorers/score.h"

#include <algorithm>
#include <cmath>

namespace kvscope {

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kCorrect:
      return "correct";
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kUnparsable:
      return "unparsable";
    case Verdict::kMissing:
      return "missing";
  }
  return "missing";
}

int SampleScore::Count(Verdict verdict) const {
  return static_cast<int>(std::ranges::count(questions, verdict, &QuestionScore::verdict));
}

double SampleScore::Fraction() const {
  if (questions.empty()) return 0;
  return static_cast<double>(Count(Verdict::kCorrect)) / static_cast<double>(questions.size());
}

RunScore Summarize(std::string_view scorer, const std::vector<SampleScore>& samples) {
  RunScore run;
  run.scorer = scorer;
  double sum = 0;
  for (const SampleScore& sample : samples) {
    ++run.samples;
    run.questions += static_cast<int>(sample.questions.size());
    run.correct += sample.Count(Verdict::kCorrect);
    run.wrong += sample.Count(Verdict::kWrong);
    run.unparsable += sample.Count(Verdict::kUnparsable);
    run.missing += sample.Count(Verdict::kMissing);
    run.overrun += sample.Overran() ? 1 : 0;
    sum += sample.Fraction();
    for (const QuestionScore& question : sample.questions) {
      if (question.kind.empty()) continue;
      ++run.questions_by_kind[question.kind];
      run.correct_by_kind[question.kind] += question.verdict == Verdict::kCorrect ? 1 : 0;
      if (!question.error.empty()) ++run.errors[question.error];
    }
  }
  if (run.samples > 0) run.score_percent = 100 * sum / run.samples;
  return run;
}

double RoundedPercent(double percent) { return std::round(percent * 1e4) / 1e4; }

nlohmann::json ToJson(const RunScore& score) {
  nlohmann::json out = {
      {"scorer", score.scorer},       {"score_percent", RoundedPercent(score.score_percent)},
      {"samples", score.samples},     {"questions", score.questions},
      {"answered", score.Answered()}, {"correct", score.correct},
      {"wrong", score.wrong},         {"unparsable", score.unparsable},
      {"missing", score.missing},     {"overrun", score.overrun}};
  if (score.questions_by_kind.empty()) return out;
  for (const auto& [kind, questions] : score.questions_by_kind)
    out["kinds"][kind] = {{"questions", questions}, {"correct", score.correct_by_kind.at(kind)}};
  out["errors"] = score.errors;
  return out;
}

}  // namespace kvscope
