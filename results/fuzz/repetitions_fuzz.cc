// repetitions.jsonl, its whole lines sealed: read for what can be used, and opened to go on with.
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/repetitions.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  folder.Write(kRepetitionsFile, SealFuzzLines(bytes));
  std::vector<std::string> problems;
  ReadRepetitions(folder.path(), problems).IgnoreError();
  const auto journal = RepetitionJournal::Open(folder.path());
  if (journal.ok()) (*journal)->Append({.repetition = 1, .sample = "new"}).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  const std::string line =
      R"({"repetition":1,"sample":"arith+/16/000","time":{"prefill_s":0.5,"compress_s":0,"decode_s":2,"select_s":0,"step_p50_s":1e-3,"step_p99_s":0.1}})";
  return {line + "\n", line + "\n" + line + "\n", line};
}

}  // namespace kvscope
