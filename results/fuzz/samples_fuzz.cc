// samples.jsonl, its whole lines sealed: read for what can be used, and opened to go on with.
#include "fmt/format.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/base/jsonl.h"
#include "results/journal.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  const std::string path = folder.Write("samples.jsonl", SealFuzzLines(bytes));
  std::vector<std::string> problems;
  const auto records = ReadSamples(path, problems);
  if (!records.ok()) return;
  for (const SampleRecord& record : *records) DumpJson(ToJson(record));
  const auto journal = SampleJournal::Open(path);
  if (journal.ok()) (*journal)->Append({.sample = "new"}).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  SampleRecord record;
  record.sample = "arith+/16/000";
  record.prompt_sha256 = std::string(64, 'a');
  record.text = "Answer_1: \"x\"\n";
  const std::string imported = DumpJson(ToJson(record));
  record.sample = "arith+/16/001";
  record.prompt_tokens = 120;
  record.output_tokens = 300;
  record.finish = FinishReason::kError;
  record.error = "no memory";
  record.answers = {{1, "47"}, {12, "-3"}};
  record.kv = KvRecord{
      .peak_bytes = 10, .decode_mean_bytes = 9.5, .tokens_by_layer = {5, 6}, .requested_tokens = {4, -1}};
  record.time = TimeRecord{.prefill_s = 0.5, .step_p99_s = 1e-3};
  record.token_ids_sha256 = TokenIdsSha256(std::vector<int>{1, 2});
  record.published_counters = {1, -2, 3};
  const std::string full = DumpJson(ToJson(record));
  return {full + "\n", fmt::format("{}\n{}\n", imported, full), full.substr(0, full.size() / 2)};
}

}  // namespace kvscope
