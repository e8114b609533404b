// kvscope as a contender of run.py: kvscope_peer MODEL.gguf THREADS. Answers the requests that worker.py
// states, one JSON object a line; settings are "precision", "kv", and of a batch "method", "window", "recent"
// and "max_new". Two more requests:
//   {"op": "tokenize", "text": text}  ->  {"tokens": [...]}
//   {"op": "bandwidth"}               ->  {"bytes_per_s": rate}  of reading memory with all threads
// and decode also answers {"bytes": weights and cached entries that its steps read}.
#include <charconv>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fmt/format.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/kv_page.h"
#include "kernels/precision.h"
#include "nlohmann/json.hpp"
#include "results/base/status_macros.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cpu/cpu_speed.h"
#include "runtime/cpu/stopwatch.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {
namespace {

using Json = nlohmann::json;

constexpr int kToken = 100;  // fed in every timed step: no contender samples

// The one of `values` that is named so.
template <typename T>
absl::StatusOr<T> ByName(std::initializer_list<T> values, std::string_view field, std::string_view name) {
  for (const T value : values) {
    if (Name(value) == name) return value;
  }
  return absl::InvalidArgumentError(fmt::format("{}: unknown {:?}", field, name));
}

class Contender {
 public:
  Contender(std::shared_ptr<const Model> model, int threads) : model_(std::move(model)), threads_(threads) {}

  // The answer to a request; errors of the request's form are nlohmann's exceptions.
  absl::StatusOr<Json> Answer(const Json& request) {
    const std::string op = request.at("op");
    if (op == "version") return Json{{"level", Name(CurrentLevel())}};
    if (op == "tokenize") return Tokenize(request);
    if (op == "bandwidth") return Json{{"bytes_per_s", MeasureCpuSpeed(threads_).bytes_per_s}};
    if (op == "prefill") return Prefill(request);
    if (op == "open") return Open(request);
    if (op == "decode") return Decode(request);
    if (op == "logits") return Logits(request);
    if (op == "close") {
      batches_.erase(request.at("batch").get<std::string>());
      return Json::object();
    }
    return absl::InvalidArgumentError(fmt::format("op: unknown {:?}", op));
  }

 private:
  using Sequence = std::unique_ptr<BackendSequence>;

  struct Batch {
    Backend* backend = nullptr;
    std::vector<Sequence> rows;
  };

  // That of a request's settings, made when it is first asked for.
  absl::StatusOr<Backend*> BackendOf(const Json& request) {
    const std::string precision_name = request.at("precision"), kv_name = request.at("kv");
    std::unique_ptr<Backend>& backend = backends_[{precision_name, kv_name}];
    if (backend == nullptr) {
      ASSIGN_OR_RETURN(const Precision precision,
                       ByName({Precision::kF32, Precision::kBF16}, "precision", precision_name));
      ASSIGN_OR_RETURN(const KvType kv,
                       ByName({KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8}, "kv", kv_name));
      ASSIGN_OR_RETURN(backend, MakeCpuBackend(model_, precision, kv, threads_));
    }
    return backend.get();
  }

  absl::StatusOr<Sequence> Start(Backend& backend, const Json& request, const std::vector<int>& prompt) {
    const Budgets budgets{.window = request.value("window", 512),
                          .recent = request.value("recent", 256),
                          .max_new = request.value("max_new", 4096)};
    ASSIGN_OR_RETURN(const Method method,
                     MakeMethod(request.value("method", "full"), Semantics::kClean, budgets));
    logits_.resize(model_->config.vocab);
    return PrefillOne(backend, {.prompt = prompt, .rows = {{method}}}, logits_);
  }

  absl::StatusOr<Json> Tokenize(const Json& request) {
    ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::FromJson(model_->tokenizer));
    return Json{{"tokens", tokenizer->Encode(request.at("text").get<std::string>())}};
  }

  absl::StatusOr<Json> Prefill(const Json& request) {
    ASSIGN_OR_RETURN(Backend * backend, BackendOf(request));
    const std::vector<int> tokens = request.at("tokens");
    const Stopwatch watch;
    RETURN_IF_ERROR(Start(*backend, request, tokens).status());
    return Json{{"seconds", watch.seconds()}};
  }

  absl::StatusOr<Json> Open(const Json& request) {
    Batch batch;
    ASSIGN_OR_RETURN(batch.backend, BackendOf(request));
    for (const std::vector<int> prompt : request.at("prompts")) {
      ASSIGN_OR_RETURN(batch.rows.emplace_back(), Start(*batch.backend, request, prompt));
    }
    batches_[request.at("batch").get<std::string>()] = std::move(batch);
    return Json::object();
  }

  absl::StatusOr<Json> Decode(const Json& request) {
    const auto found = batches_.find(request.at("batch").get<std::string>());
    if (found == batches_.end()) return absl::NotFoundError("batch: not open");
    Batch& batch = found->second;
    const int steps = request.at("steps");
    std::vector<BackendSequence*> rows;
    for (const Sequence& row : batch.rows) rows.push_back(row.get());
    const std::vector<int> tokens(rows.size(), kToken);
    logits_.resize(rows.size() * model_->config.vocab);
    const Stopwatch watch;
    for (int step = 0; step < steps; ++step) RETURN_IF_ERROR(batch.backend->Decode(rows, tokens, logits_));
    const double seconds = watch.seconds();
    size_t bytes = CountWeights(*model_).bytes;
    for (const BackendSequence* row : rows) bytes += row->kv().end_bytes;
    return Json{{"seconds", seconds}, {"bytes", bytes * static_cast<size_t>(steps)}};
  }

  absl::StatusOr<Json> Logits(const Json& request) {
    ASSIGN_OR_RETURN(Backend * backend, BackendOf(request));
    const std::vector<int> tokens = request.at("tokens");
    const auto prompt = tokens.begin() + request.at("prompt").get<std::ptrdiff_t>();
    std::ofstream out(request.at("out").get<std::string>(), std::ios::binary);
    const auto write = [&] {
      out.write(reinterpret_cast<const char*>(logits_.data()),
                static_cast<std::streamsize>(logits_.size() * sizeof(float)));
    };
    ASSIGN_OR_RETURN(const Sequence sequence, Start(*backend, request, {tokens.begin(), prompt}));
    write();
    BackendSequence* const rows[] = {sequence.get()};
    for (auto token = prompt; token + 1 < tokens.end(); ++token) {
      RETURN_IF_ERROR(backend->Decode(rows, {token, 1}, logits_));
      write();
    }
    return out.flush() ? absl::StatusOr<Json>(Json::object()) : absl::DataLossError("out: not written");
  }

  std::shared_ptr<const Model> model_;
  int threads_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Backend>> backends_;
  std::map<std::string, Batch> batches_;  // must go before backends_
  std::vector<float> logits_;
};

Json Guarded(Contender& contender, const std::string& line) {
  try {
    const absl::StatusOr<Json> answer = contender.Answer(Json::parse(line));
    return answer.ok() ? *answer : Json{{"error", std::string(answer.status().message())}};
  } catch (const std::exception& error) {
    return Json{{"error", error.what()}};
  }
}

int Main(int argc, char** argv) {
  int threads = 0;
  if (argc == 3) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), threads);
  if (threads < 1) {
    std::cerr << "usage: kvscope_peer MODEL.gguf THREADS\n";
    return 2;
  }
  auto model = LoadModel(argv[1]);
  if (!model.ok()) {
    std::cerr << model.status().message() << "\n";
    return 4;
  }
  Contender contender(*std::move(model), threads);
  for (std::string line; std::getline(std::cin, line);) std::cout << Guarded(contender, line) << std::endl;
  return 0;
}

}  // namespace
}  // namespace kvscope

int main(int argc, char** argv) { return kvscope::Main(argc, argv); }
