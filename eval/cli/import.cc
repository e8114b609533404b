#include <memory>
#include <string>

#include "eval/cli/command.h"
#include "eval/import/import_scope.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

struct Options {
  std::string folder;
  std::string out;
  bool json = false;
};

absl::StatusOr<ExitCode> Import(const Options& options) {
  ASSIGN_OR_RETURN(const std::vector<ImportedRun> runs, ImportScope(options.folder, options.out));
  nlohmann::json list = nlohmann::json::array();
  for (const ImportedRun& run : runs) {
    list.push_back({{"run", run.folder}, {"source", run.source}, {"samples", run.samples}});
    if (!options.json) fmt::print("{}: {} samples\n", run.folder, run.samples);
  }
  if (options.json) fmt::print("{}\n", DumpJson(list, 2));
  return ExitCode::kDone;
}

}  // namespace

Action AddImport(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.require_subcommand(1);
  CLI::App* scope = command.add_subcommand("scope", "Predictions published with the SCOPE paper");
  scope->add_option("DIR", options->folder, "results_longgenbench_4K, or a folder below it")->required();
  scope->add_option("--out", options->out, "Run folders are made below this one")->required();
  AddJsonFlag(*scope, &options->json);
  return [options] { return Import(*options); };
}

}  // namespace kvscope
