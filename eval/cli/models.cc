#include <memory>
#include <set>
#include <string>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "eval/run/model_path.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/chat_template.h"

namespace kvscope {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string model;
  bool json = false;
};

Json ListModels(const Fetcher& fetcher) {
  Json list = Json::array();
  for (const CatalogEntry& entry : fetcher.catalog().entries()) {
    if (entry.kind != EntryKind::kModel) continue;
    list.push_back({{"name", entry.name},
                    {"present", fetcher.IsPresent(entry)},
                    {"description", entry.description},
                    {"licence", entry.licence},
                    {"embedded", entry.embedded},
                    {"obtain", entry.obtain}});
  }
  return list;
}

void PrintList(const Json& list) {
  for (const Json& model : list) {
    const std::string obtain = model["obtain"];
    const bool present = model["present"];
    fmt::print("{:<24}{:<9}{} ({})\n", model["name"].get<std::string>(), present ? "present" : "absent",
               model["description"].get<std::string>(), model["licence"].get<std::string>());
    if (!present && !obtain.empty()) fmt::print("{:<33}{}\n", "", obtain);
  }
}

std::string ElementTypes(const Model& model) {
  std::set<std::string_view> names = {Name(model.embedding.dtype), Name(model.head.dtype)};
  for (const LayerWeights& layer : model.layers)
    for (const auto* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      names.insert(Name(matrix->dtype));
  return fmt::format("{}", fmt::join(names, " "));
}

Json Describe(const Model& model) {
  const ModelConfig& config = model.config;
  const WeightCount weights = CountWeights(model);
  const auto format = RecogniseTemplate(model.chat_template);
  return {{"path", model.path},
          {"sha256", model.sha256},
          {"parameters", weights.parameters},
          {"weight_bytes", weights.bytes},
          {"element_types", ElementTypes(model)},
          {"layers", config.layers},
          {"hidden", config.hidden},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},
          {"ffn", config.ffn},
          {"vocab", config.vocab},
          {"max_positions", config.max_positions},
          {"rope_theta", config.rope_theta},
          {"rope_scaled", config.rope_scaling.has_value() || !config.rope_divisors.empty()},
          {"tied_embeddings", config.tied_embeddings},
          {"kv_values_per_token", uint64_t{2} * config.layers * config.kv_heads * config.head_dim},
          {"bos", config.bos ? Json(*config.bos) : Json()},
          {"eos", config.eos},
          {"tokenizer", !model.tokenizer.is_null()},
          {"chat_template", format.ok() ? std::string(Name(*format)) : "unknown"}};
}

void Print(const Json& model) {
  for (const auto& [field, value] : model.items())
    fmt::print("{:<20}{}\n", field, value.is_string() ? value.get<std::string>() : value.dump());
}

}  // namespace

Action AddModels(CLI::App& command) {
  auto flags = std::make_shared<Flags>();
  AddJsonFlag(command, &flags->json);
  command.add_option("MODEL", flags->model,
                     "Show the shape of this model: a name of the catalog, a .gguf file or a folder");
  return [flags]() -> absl::StatusOr<ExitCode> {
    ASSIGN_OR_RETURN(FetchOptions options, FetchOptionsFromEnvironment());
    const Fetcher fetcher(std::move(options));
    const bool list = flags->model.empty();
    Json answer;
    if (list) {
      answer = ListModels(fetcher);
    } else {
      ASSIGN_OR_RETURN(const std::string path, ModelPath(flags->model, fetcher));
      ASSIGN_OR_RETURN(const auto model, LoadModel(path));
      answer = Describe(*model);
    }
    if (flags->json)
      fmt::print("{}\n", answer.dump(2, ' ', false, Json::error_handler_t::replace));
    else if (list)
      PrintList(answer);
    else
      Print(answer);
    return ExitCode::kDone;
  };
}

}  // namespace kvscope
