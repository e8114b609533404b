// run.json.
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/jsonl.h"
#include "results/run_record.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const auto json = ParseJson(bytes, "run.json");
  if (!json.ok()) return;
  const auto run = RunRecordFromJson(*json, "run.json");
  if (run.ok()) DumpJson(ToJson(*run));
}

std::vector<std::string> FuzzSeeds() {
  RunRecord run;
  const std::string least = DumpJson(ToJson(run));
  run.status = RunStatus::kFailed;
  run.reason = "killed";
  run.config = {.model = "arith-tiny",
                .task = "arith+",
                .length = "4k",
                .questions = 64,
                .seed = 7,
                .filler = 0.5,
                .method = "full+slide",
                .prefill_budget = 512,
                .observation_window = 8,
                .window = 64,
                .recent = 32,
                .group_score = "mean",
                .head_budget = "uniform",
                .cached_heads = "kv",
                .max_new_tokens = 100,
                .limit = 3,
                .threads = 2};
  run.data = {{"task", "arith+"}};
  run.command_line = {"kvscope", "run"};
  run.resumed.push_back({{"machine", {{"cores", 2}}}});
  run.samples_expected = 3;
  return {least, DumpJson(ToJson(run), 2)};
}

}  // namespace kvscope
