#include "eval/compare/testing_runs.h"

#include "fmt/format.h"

namespace kvscope {

JudgedRun MakeRun(const std::string& method, const std::vector<int>& correct) {
  JudgedRun run;
  run.folder = method;
  run.run.status = RunStatus::kComplete;
  run.run.config.task = "arith+";
  run.run.config.questions = kQuestionsAPrompt;
  run.run.config.method = method;
  for (size_t i = 0; i < correct.size(); ++i) {
    JudgedSample& sample = run.samples.emplace_back();
    sample.record.sample = fmt::format("s/{:03}", i);
    sample.record.prompt_sha256 = fmt::format("prompt{}", i);
    sample.record.text = fmt::format("{} right", correct[i]);
    sample.record.finish = FinishReason::kEos;
    sample.record.kv.emplace().peak_bytes = 1000;
    for (int q = 0; q < kQuestionsAPrompt; ++q)
      sample.clean.questions.emplace_back().verdict = q < correct[i] ? Verdict::kCorrect : Verdict::kWrong;
    sample.published = sample.clean;
  }
  return run;
}

}  // namespace kvscope
