// Traces of evictions: a pair.
#include "eval/inspect/trace.h"
#include "fmt/format.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/base/jsonl.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 2);
  const auto first = ReadTrace(folder.Write("first.jsonl", parts[0]));
  const auto second = ReadTrace(folder.Write("second.jsonl", parts[1]));
  if (!first.ok() || !second.ok()) return;
  FirstDifference(*first, *second);
  TraceHash(*first);
}

std::vector<std::string> FuzzSeeds() {
  LedgerRow row;
  row.layer = 1;
  row.tokens = 5;
  row.evicted = {2, 7};
  const std::string header =
      R"({"format":"kvscope-trace-1","model_sha256":"a","prompt_sha256":"b","method":"full+slide","layers":2,"heads":1})";
  const std::string trace = fmt::format("{}\n{}\n", header, DumpJson(TraceLine(row)));
  row.step = 3;
  row.evicted_attention = {0.25f, 0.5f};
  const std::string longer = fmt::format("{}{}\n", trace, DumpJson(TraceLine(row)));
  return {JoinFuzzInput({trace, trace}), JoinFuzzInput({trace, longer})};
}

}  // namespace kvscope
