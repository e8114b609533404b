#include "eval/testing/example_runs.h"

#include "fmt/format.h"

namespace kvscope {

JudgedRun ExampleRun(const std::string& method, uint64_t peak_bytes, uint64_t evictions) {
  JudgedRun run;
  run.folder = fmt::format("runs/{}", method);
  run.run.status = RunStatus::kComplete;
  run.run.config.task = "arith+";
  run.run.config.model = "arith-tiny";
  run.run.config.questions = 2;
  run.run.config.method = method;
  run.run.config.kv = "f32";
  run.run.samples_expected = 2;
  for (const bool right : {true, false}) {
    JudgedSample& sample = run.samples.emplace_back();
    sample.prompt.sample = fmt::format("arith+/2/{:03}", run.samples.size() - 1);
    sample.prompt.questions = {
        {.number = 1, .question = "42 + 5?", .gold = "47", .kind = "direct"},
        {.number = 2, .question = "A1 - 3?", .gold = "44", .kind = "chained_near", .refers = 1}};
    sample.record.sample = sample.prompt.sample;
    sample.record.finish = FinishReason::kEos;
    sample.record.text = fmt::format("what {} writes", method);
    sample.record.kv = KvRecord();
    sample.record.kv->peak_bytes = peak_bytes;
    sample.record.kv->evictions = evictions;
    sample.record.kv->tokens_by_layer = {10, 20};
    sample.record.time = TimeRecord{.prefill_s = 1,
                                    .compress_s = 0.5,
                                    .decode_s = 4,
                                    .select_s = 1,
                                    .step_p50_s = 0.002,
                                    .step_p99_s = 0.004};
    const Verdict second = right ? Verdict::kCorrect : Verdict::kMissing;
    sample.clean.questions = {{.number = 1, .verdict = Verdict::kCorrect, .gold = "47"},
                              {.number = 2, .verdict = second, .gold = "44"}};
  }
  return run;
}

}  // namespace kvscope
