// roofline: the least time of a decode step and of a prefill on GPUs, by calculation.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/roofline/bound.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/status_macros.h"

namespace kvscope::roofline {
namespace {

constexpr std::string_view kCaption = "bounds by calculation, not measurements";

struct Options {
  std::string model = "llama-3.1-8b-instruct";
  std::string weights;
  std::string method = "full";
  Budgets budgets;
  size_t prompt = 4096;
  size_t batch = 1;
  KvType kv = KvType::kBF16;
  Precision precision = Precision::kBF16;
  bool kernels = false;
  bool json = false;
};

struct Workload {
  Pass pass;
  Method method;
  CacheLengths lengths;
  std::vector<Launches> decode;
  std::vector<Launches> prefill;
};

absl::StatusOr<Workload> MakeWorkload(const Options& options) {
  if (options.batch == 0 || options.batch > (1 << 20)) {
    return absl::InvalidArgumentError(fmt::format("batch: expected 1 to 2^20, found {}", options.batch));
  }
  Workload work;
  ASSIGN_OR_RETURN(work.pass.model, FindModelShape(options.model));
  if (!options.weights.empty()) {
    ASSIGN_OR_RETURN(work.pass.model.weights, ParseDType(options.weights));
  }
  work.pass.kv = options.kv;
  work.pass.precision = options.precision;
  ASSIGN_OR_RETURN(work.method, MakeMethod(options.method, Semantics::kClean, options.budgets));
  ASSIGN_OR_RETURN(work.lengths, PlayMethod(work.method, work.pass.model.layers, options.prompt,
                                            static_cast<size_t>(options.budgets.max_new)));
  work.decode =
      DecodeStepWork(work.pass, work.method, options.batch, static_cast<size_t>(work.lengths.mean_attended));
  work.prefill = PrefillWork(work.pass, work.method, options.prompt);
  return work;
}

nlohmann::json BoundsOn(const Gpu& gpu, const Workload& work, const Options& options) {
  const LeastWork decode = LeastDecodeWork(work.pass, work.method, options.batch, work.lengths.mean_attended);
  const LeastWork prefill = LeastPrefillWork(work.pass, options.prompt);
  const uint64_t cache_bytes = CacheBytes(work.pass, work.method, work.lengths);
  const double step = BoundSeconds(decode, gpu, options.precision);
  const auto batch = static_cast<double>(options.batch);
  return {{"gpu", gpu.name},
          {"title", gpu.title},
          {"step_s", step},
          {"tokens_per_s", batch / step},
          {"kernels_tokens_per_s", batch / KernelSeconds(work.decode, gpu, options.precision)},
          {"prefill_s", BoundSeconds(prefill, gpu, options.precision)},
          {"kernels_prefill_s", KernelSeconds(work.prefill, gpu, options.precision)},
          {"largest_batch", LargestBatch(work.pass, cache_bytes, gpu)},
          // Then a step may be faster than memory: the bound does not hold.
          {"fits_l2", decode.bytes <= gpu.l2_bytes},
          {"sources", gpu.sources}};
}

nlohmann::json KernelList(const std::vector<Launches>& launches) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [work, count] : launches) {
    list.push_back({{"kernel", work.kernel},
                    {"launches", count},
                    {"load_bytes", work.load_bytes},
                    {"requested_bytes", work.requested_bytes},
                    {"store_bytes", work.store_bytes},
                    {"flops", work.flops}});
  }
  return list;
}

nlohmann::json Report(const Workload& work, const Options& options) {
  const ModelShape& model = work.pass.model;
  nlohmann::json report = {{"what", kCaption},
                           {"model", model.name},
                           {"weights", Name(model.weights)},
                           {"weight_bytes", model.StoredBytes()},
                           {"method", work.method.Name()},
                           {"prompt_tokens", options.prompt},
                           {"new_tokens", options.budgets.max_new},
                           {"batch", options.batch},
                           {"kv", Name(options.kv)},
                           {"precision", Name(options.precision)},
                           {"attended_mean", work.lengths.mean_attended},
                           {"kv_bytes_per_sequence", CacheBytes(work.pass, work.method, work.lengths)},
                           {"decode_kernels", KernelList(work.decode)},
                           {"prefill_kernels", KernelList(work.prefill)},
                           {"gpus", nlohmann::json::array()}};
  for (const Gpu& gpu : Gpus()) report["gpus"].push_back(BoundsOn(gpu, work, options));
  return report;
}

void PrintTable(const nlohmann::json& report) {
  fmt::print("{}: {} ({}), {}, prompt {}, {} new tokens, batch {}, cache {}, {}\n\n", kCaption,
             report["model"].get<std::string>(), report["weights"].get<std::string>(),
             report["method"].get<std::string>(), report["prompt_tokens"].get<size_t>(),
             report["new_tokens"].get<int>(), report["batch"].get<size_t>(), report["kv"].get<std::string>(),
             report["precision"].get<std::string>());
  fmt::print(
      "| GPU | tokens/s, at most | by its kernels | prefill s, at least | KV MiB a sequence | largest batch "
      "|\n");
  fmt::print("| --- | --: | --: | --: | --: | --: |\n");
  for (const nlohmann::json& gpu : report["gpus"]) {
    fmt::print("| {}{} | {:.0f} | {:.0f} | {:.3f} | {:.1f} | {} |\n", gpu["title"].get<std::string>(),
               gpu["fits_l2"].get<bool>() ? " (fits its L2: no bound)" : "",
               gpu["tokens_per_s"].get<double>(), gpu["kernels_tokens_per_s"].get<double>(),
               gpu["prefill_s"].get<double>(), report["kv_bytes_per_sequence"].get<double>() / (1 << 20),
               gpu["largest_batch"].get<uint64_t>());
  }
}

void PrintKernels(std::string_view title, const nlohmann::json& kernels) {
  fmt::print("\n| {} | launches | MB from memory | MB asked for | MB stored | GFLOP |\n", title);
  fmt::print("| --- | --: | --: | --: | --: | --: |\n");
  for (const nlohmann::json& kernel : kernels) {
    const auto n = kernel["launches"].get<double>();
    fmt::print("| `{}` | {:.0f} | {:.3f} | {:.3f} | {:.3f} | {:.3f} |\n", kernel["kernel"].get<std::string>(),
               n, 1e-6 * n * kernel["load_bytes"].get<double>(),
               1e-6 * n * kernel["requested_bytes"].get<double>(),
               1e-6 * n * kernel["store_bytes"].get<double>(), 1e-9 * n * kernel["flops"].get<double>());
  }
}

void AddOptions(CLI::App& app, Options& options) {
  const std::vector<std::pair<std::string, KvType>> caches = {
      {"f32", KvType::kF32}, {"f16", KvType::kF16}, {"bf16", KvType::kBF16}, {"int8", KvType::kInt8}};
  const std::vector<std::pair<std::string, Precision>> precisions = {{"f32", Precision::kF32},
                                                                     {"bf16", Precision::kBF16}};
  app.add_option("--model", options.model, "A shape of models.json")->capture_default_str();
  app.add_option("--weights", options.weights, "In place of the model's: F32, F16, BF16, Q8_0, Q4_0, Q4_1");
  app.add_option("--method", options.method, "PREFILL or PREFILL+DECODE; see kvscope methods")
      ->capture_default_str();
  app.add_option("--prompt", options.prompt, "Tokens of the prompt")->capture_default_str();
  app.add_option("--max-new-tokens", options.budgets.max_new, "Tokens decoded")->capture_default_str();
  app.add_option("--batch", options.batch, "Sequences decoded together")->capture_default_str();
  app.add_option("--prefill-budget", options.budgets.prefill, "Entries a head keeps of the prompt; 0: all")
      ->capture_default_str();
  app.add_option("--window", options.budgets.window, "Entries a head holds in decoding")
      ->capture_default_str();
  app.add_option("--recent", options.budgets.recent, "Of them the last ones")->capture_default_str();
  app.add_option("--kv", options.kv, "Type of cached keys and values")
      ->transform(CLI::CheckedTransformer(caches));
  app.add_option("--precision", options.precision, "Arithmetic: f32, or bf16 on tensor cores")
      ->transform(CLI::CheckedTransformer(precisions));
  app.add_flag("--kernels", options.kernels, "Bytes and operations of each kernel, too");
  app.add_flag("--json", options.json, "JSON on standard output");
}

}  // namespace
}  // namespace kvscope::roofline

int main(int argc, char** argv) {
  using namespace kvscope::roofline;
  constexpr int kUsage = 2;
  CLI::App app("roofline: the least time of decoding and prefill on GPUs; bounds by calculation");
  Options options;
  AddOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  const absl::StatusOr<Workload> work = MakeWorkload(options);
  if (!work.ok()) {
    fmt::print(stderr, "roofline: {}\n", std::string(work.status().message()));
    return kUsage;
  }
  const nlohmann::json report = Report(*work, options);
  if (options.json) {
    fmt::print("{}\n", report.dump(2));
    return 0;
  }
  PrintTable(report);
  if (options.kernels) {
    PrintKernels("decode step", report["decode_kernels"]);
    PrintKernels("prefill", report["prefill_kernels"]);
  }
  return 0;
}
