#include "eval/run/cell_flags.h"

namespace kvscope {

void AddCellFlags(CLI::App& command, RunRequest& request) {
  command.add_option("--model", request.model, "Name of the catalog, .gguf file or Hugging Face folder")
      ->required();
  command.add_option("--task", request.task, "gsm8k+, mmlu+, csqa+, arith+")->required();
  command.add_option("--length", request.length,
                     "Size of a prompt: 4k, 8k (the task's own number of questions)");
  command.add_option("--questions", request.questions, "Size of a prompt in questions, in place of --length");
  command.add_option("--seed", request.seed, "Of arith+'s questions and of random methods")
      ->capture_default_str();
  command.add_option("--filler", request.filler, "Arith+: filler sentences a question, on average")
      ->capture_default_str();
  command.add_option("--limit", request.limit, "Only the first N prompts");
  command.add_option("--max-new-tokens", request.max_new_tokens, "T; by default room for every answer");
  command
      .add_option("--semantics", request.semantics, "clean, or published: bug-compatible with SCOPE's code")
      ->check(CLI::IsMember({"clean", "published"}))
      ->capture_default_str();
}

void AddMethodFlags(CLI::App& command, RunRequest& request) {
  command.add_option("--method", request.method, "PREFILL or PREFILL+DECODE; see kvscope methods")
      ->required();
  command.add_option("--prefill-budget", request.prefill_budget,
                     "C: tokens a head keeps of the prompt; by default 2048, for long prompts 4096");
  command.add_option("--window", request.window, "W: tokens a head holds in decoding")->capture_default_str();
  command.add_option("--recent", request.recent, "R: of these, the last are always kept")
      ->capture_default_str();
  command
      .add_option("--observation-window", request.observation_window,
                  "w: last prompt tokens that score the others")
      ->capture_default_str();
  command
      .add_option("--group-score", request.group_score,
                  "How a group of query heads scores its KV head's entries")
      ->check(CLI::IsMember({"mean", "max", "sum"}))
      ->capture_default_str();
  command.add_option("--head-budget", request.head_budget, "How the decode budget is shared out over heads")
      ->check(CLI::IsMember({"uniform", "concentration"}))
      ->capture_default_str();
  command.add_flag("--per-query-head", request.per_query_head, "A cache for each query head");
}

void AddDeviceFlag(CLI::App& command, RunRequest& request) {
  command
      .add_option("--device", request.device,
                  "cpu; cuda, in a build with nvcc; emulated: device code on the CPU, slow, to test it")
      ->check(CLI::IsMember({"cpu", "cuda", "emulated"}))
      ->capture_default_str();
}

void AddEngineFlags(CLI::App& command, RunRequest& request) {
  command
      .add_option(
          "--precision", request.precision,
          "Of the arithmetic: f32, exact; bf16, fast; auto: bf16 for models of a hidden size of 256 or more, "
          "f32 emulated")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}))
      ->capture_default_str();
  command
      .add_option("--kv", request.kv,
                  "Element type of the cache: f32, f16, bf16, int8 with a scale a row; auto: bf16 with "
                  "arithmetic in bf16, else f32")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "int8", "int4"}))
      ->capture_default_str();
  AddDeviceFlag(command, request);
  command.add_option("--threads", request.threads, "0: one a core")->capture_default_str();
  command.add_flag("--timing", request.timing, "Samples alone, after a warm-up");
}

}  // namespace kvscope
