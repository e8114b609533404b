// A run's folder: prompts.jsonl and samples.jsonl, and run.json where that is there, sealed and scored.
#include "datasets/arith/arith.h"
#include "eval/score/explain.h"
#include "eval/score/prompt_file.h"
#include "eval/score/score_folder.h"
#include "fmt/format.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"

namespace kvscope {
namespace {

RunRecord SomeRun() {
  RunRecord run;
  run.config.task = "arith+";
  run.samples_expected = 2;
  return run;
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  static const std::string sound_run = SealedLine(ToJson(SomeRun()));
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 3);
  folder.Write(kPromptsFile, parts[0]);
  folder.Write(kSamplesFile, SealFuzzLines(parts[1]));
  folder.Write(kRunFile, parts[2].empty() ? sound_run : SealFuzzLines(parts[2]));
  const auto run = JudgeRun(folder.path());
  if (!run.ok()) return;
  for (const JudgedSample& sample : run->samples) Explain(*run, sample);
  for (const std::string& scorer : ScorerNames()) DumpJson(ScoreReport(*run, scorer));
}

std::vector<std::string> FuzzSeeds() {
  const std::vector<Prompt> prompts = *GenerateArith({.questions = kArithMinQuestions, .prompts = 2});
  std::string samples;
  for (const Prompt& prompt : prompts) {
    SampleRecord record;
    record.sample = prompt.sample;
    record.prompt_sha256 = prompt.Hash();
    for (const PromptQuestion& question : prompt.questions)
      record.text += fmt::format("Answer_{}: so the answer is {}.\n", question.number, question.gold);
    samples += DumpJson(ToJson(record)) + "\n";
  }
  return {JoinFuzzInput({PromptFileContent(prompts), samples, ""}),
          JoinFuzzInput({PromptFileContent({prompts[0]}), samples, DumpJson(ToJson(SomeRun()))})};
}

}  // namespace kvscope
