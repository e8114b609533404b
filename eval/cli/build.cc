#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "datasets/builders.h"
#include "datasets/manifest.h"
#include "datasets/prompt_file.h"
#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "eval/run/model_path.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {
namespace {

struct Flags {
  BuildRequest request;
  std::string tokenizer;
  std::string out;
  bool check = false;
  bool force = false;
  bool json = false;
  bool quiet = false;
};

struct Outcome {
  std::optional<PromptSet> written;
  std::optional<std::string> difference;  // empty: none
};

absl::StatusOr<TokenCounter> LoadTokenCounter(const std::string& model_name, const Fetcher& fetcher) {
  ASSIGN_OR_RETURN(const std::string path, ModelPath(model_name, fetcher));
  ASSIGN_OR_RETURN(const auto model, LoadModel(path));
  if (model->tokenizer.is_null()) return absl::NotFoundError(fmt::format("{}: has no tokenizer", path));
  ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::FromJson(model->tokenizer));
  return [tokenizer](std::string_view text) { return tokenizer->Encode(text).size(); };
}

absl::StatusOr<Outcome> Build(const Flags& flags) {
  ASSIGN_OR_RETURN(FetchOptions options, FetchOptionsFromEnvironment());
  ProgressBar bar("fetching", 0, flags.quiet);
  options.on_progress = [&](const FetchProgress& progress) { bar.Update(progress.bytes, progress.name); };
  const Fetcher fetcher(std::move(options));
  BuildRequest request = flags.request;
  if (!flags.tokenizer.empty()) {
    ASSIGN_OR_RETURN(request.count_tokens, LoadTokenCounter(flags.tokenizer, fetcher));
  }
  Outcome outcome;
  if (!flags.out.empty()) {
    ASSIGN_OR_RETURN(outcome.written, BuildPrompts(request, fetcher));
    RETURN_IF_ERROR(WritePromptFile(*outcome.written, flags.out, flags.force));
  }
  if (flags.check) {
    ASSIGN_OR_RETURN(outcome.difference, CheckAgainstPublished(request, fetcher));
  }
  return outcome;
}

void PrintJson(const Outcome& outcome) {
  nlohmann::json report;
  if (outcome.written) report["manifest"] = ToJson(outcome.written->manifest);
  if (outcome.difference)
    report["check"] = {{"equal", outcome.difference->empty()}, {"difference", *outcome.difference}};
  fmt::print("{}\n", DumpJson(report, 2));
}

void Print(const Outcome& outcome, const Flags& flags) {
  if (outcome.written) {
    size_t questions = 0;
    for (const Prompt& prompt : outcome.written->prompts) questions += prompt.questions.size();
    fmt::print("{}: {} prompts, {} questions, data sha256 {}\n", flags.out, outcome.written->prompts.size(),
               questions, outcome.written->manifest.data_sha256);
  }
  if (outcome.difference && outcome.difference->empty())
    fmt::print("{}: equals the published file\n", flags.request.task);
  if (outcome.difference && !outcome.difference->empty())
    fmt::print("{}: differs from the published file: {}\n", flags.request.task, *outcome.difference);
}

absl::StatusOr<ExitCode> Run(const Flags& flags) {
  if (flags.out.empty() && !flags.check)
    return absl::InvalidArgumentError("build: one of --out and --check is needed");
  ASSIGN_OR_RETURN(const Outcome outcome, Build(flags));
  if (flags.json)
    PrintJson(outcome);
  else
    Print(outcome, flags);
  return outcome.difference.value_or("").empty() ? ExitCode::kDone : ExitCode::kFails;
}

}  // namespace

Action AddBuild(CLI::App& command) {
  auto flags = std::make_shared<Flags>();
  BuildRequest& request = flags->request;
  command.add_option("--task", request.task, "A task of `kvscope tasks`")->required();
  command.add_option("--length", request.length,
                     "4k or 8k: the task's own number of questions; 16k and so on: tokens");
  command.add_option("--questions", request.questions, "Questions a prompt")->check(CLI::PositiveNumber);
  command.add_option("--tokens", request.tokens, "As many questions as keep a prompt within so many tokens")
      ->check(CLI::PositiveNumber);
  command.add_option("--tokenizer", flags->tokenizer,
                     "Model whose tokens are counted; a name, a .gguf file or a folder");
  command.add_option("--variant", request.variant, "clean, or published with its defects")
      ->capture_default_str();
  command.add_option("--seed", request.seed, "Of Arith+'s random numbers; other tasks use none")
      ->capture_default_str();
  command
      .add_option("--limit", request.limit, "The first so many prompts; 0 for all there are, of Arith+ 50")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--chained", request.chained_share, "Arith+: share of chained questions")
      ->capture_default_str();
  command.add_option("--far", request.far_share, "Arith+: share of far references among the chained")
      ->capture_default_str();
  command.add_option("--filler", request.fillers_per_line, "Arith+: filler sentences a question, on average")
      ->capture_default_str();
  command.add_option("--out", flags->out,
                     "File to write, one prompt a line; FILE.manifest.json goes beside it");
  command.add_flag("--check", flags->check,
                   "Compare the published variant with the published file; exits 1 when they differ");
  command.add_flag("--force", flags->force, "Replace a file that holds other prompts");
  AddJsonFlag(command, &flags->json);
  AddQuietFlag(command, &flags->quiet);
  return [flags] { return Run(*flags); };
}

}  // namespace kvscope
