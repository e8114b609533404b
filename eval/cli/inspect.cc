#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "eval/inspect/divergence.h"
#include "eval/inspect/evictions.h"
#include "eval/inspect/heavy_hitters.h"
#include "eval/inspect/trace.h"
#include "eval/run/cell.h"
#include "eval/run/cell_flags.h"
#include "eval/run/device.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

struct Options {
  RunRequest request;
  int sample = 0;
  int steps = 64;
  std::vector<int> layers;                    // empty: the first, the middle and the last
  std::vector<int> at_steps = {1, 300, 500};  // counted from 1, as in the paper
  double share = 0.15;
  bool quiet = false;
  std::string first_trace, second_trace;
};

// One prompt of a cell, and the backend to play it on.
struct Subject {
  Cell cell;
  std::unique_ptr<Backend> backend;
  size_t sample = 0;

  const std::vector<int>& tokens() const { return cell.data->tokens[sample]; }
  const ModelConfig& config() const { return cell.model->config; }
};

absl::StatusOr<Subject> PrepareSubject(const Options& options) {
  RunRequest request = options.request;
  request.limit = options.sample + 1;
  if (!request.max_new_tokens) request.max_new_tokens = options.steps + 1;
  ASSIGN_OR_RETURN(FetchOptions fetch, FetchOptionsFromEnvironment());
  const Fetcher fetcher(std::move(fetch));
  Subject subject;
  ASSIGN_OR_RETURN(subject.cell, CellMaker(fetcher, {}).Make(request));
  subject.sample = static_cast<size_t>(options.sample);
  if (subject.sample >= subject.cell.data->prompts.size()) {
    return absl::InvalidArgumentError(fmt::format("--sample: expected 0 to {}, found {}",
                                                  subject.cell.data->prompts.size() - 1, options.sample));
  }
  ASSIGN_OR_RETURN(subject.backend, MakeBackend(subject.cell.model, subject.cell.engine, request.device));
  return subject;
}

void Print(const json& line) { fmt::print("{}\n", DumpJson(line)); }

// The first line of every inspection's output.
json Header(const Subject& subject, const Options& options, const std::string& kind) {
  const Prompt& prompt = subject.cell.data->prompts[subject.sample];
  return {{"kind", kind},
          {"model", options.request.model},
          {"model_sha256", subject.cell.model->sha256},
          {"sample", prompt.sample},
          {"prompt_sha256", prompt.Hash()},
          {"prompt_tokens", subject.tokens().size()},
          {"method", subject.cell.run.config.method},
          {"config", ToJson(subject.cell.run.config)}};
}

absl::StatusOr<std::vector<int>> Layers(const Options& options, const ModelConfig& config) {
  const int last = static_cast<int>(config.layers) - 1;
  if (options.layers.empty()) {
    std::vector<int> layers = {0, last * 13 / 31, last};
    layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
    return layers;
  }
  for (int layer : options.layers) {
    if (layer < 0 || layer > last) {
      return absl::InvalidArgumentError(fmt::format("--layers: expected 0 to {}, found {}", last, layer));
    }
  }
  return options.layers;
}

absl::StatusOr<ExitCode> InspectDivergence(const Options& options) {
  ASSIGN_OR_RETURN(Subject subject, PrepareSubject(options));
  Print(Header(subject, options, "divergence"));
  ProgressBar bar("divergence", static_cast<uint64_t>(options.steps), options.quiet);
  const auto on_step = [&](const DivergenceStep& step) {
    Print({{"step", step.step},
           {"token", step.token},
           {"kl_nats", step.kl_nats},
           {"top1_agrees", step.top1_agrees},
           {"attention_error", step.attention_error}});
    bar.Update(static_cast<uint64_t>(step.step) + 1, "");
  };
  ASSIGN_OR_RETURN(
      const DivergenceSummary summary,
      MeasureDivergence(*subject.backend, subject.config().vocab, subject.config().layers, subject.tokens(),
                        subject.cell.method, options.steps, subject.cell.stop_tokens, on_step));
  json line = {{"summary", true},
               {"steps", summary.steps},
               {"mean_kl_nats", summary.mean_kl_nats},
               {"max_kl_nats", summary.max_kl_nats},
               {"top1_agreement", summary.top1_agreement},
               {"mean_attention_error", summary.mean_attention_error}};
  line["first_departure"] = summary.first_departure < 0 ? json() : json(summary.first_departure);
  Print(line);
  return ExitCode::kDone;
}

LedgerOptions LedgerOf(const Subject& subject, int steps) {
  const ModelConfig& config = subject.config();
  LedgerOptions ledger;
  ledger.vocab = config.vocab;
  ledger.layers = static_cast<int>(config.layers);
  ledger.query_heads = static_cast<int>(config.heads);
  ledger.heads = static_cast<int>(subject.cell.method.CachesQueryHeads() ? config.heads : config.kv_heads);
  ledger.slot_bytes = SlotBytes(subject.cell.engine.kv, config.head_dim);
  ledger.steps = steps;
  ledger.stop_ids = subject.cell.stop_tokens;
  return ledger;
}

absl::StatusOr<ExitCode> InspectEvictions(const Options& options) {
  ASSIGN_OR_RETURN(Subject subject, PrepareSubject(options));
  Print(Header(subject, options, "evictions"));
  ProgressBar bar("evictions", static_cast<uint64_t>(options.steps), options.quiet);
  const auto on_row = [&](const LedgerRow& row) {
    json line = TraceLine(row);
    line["kv_bytes"] = row.kv_bytes;
    line["score_bytes"] = row.score_bytes;
    line["requested_tokens"] = row.requested_tokens < 0 ? json() : json(row.requested_tokens);
    Print(line);
    bar.Update(static_cast<uint64_t>(row.step + 1), "");
  };
  RETURN_IF_ERROR(StreamLedger(*subject.backend, subject.tokens(), subject.cell.method,
                               LedgerOf(subject, options.steps), on_row));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> RecordTrace(const Options& options) {
  ASSIGN_OR_RETURN(Subject subject, PrepareSubject(options));
  const LedgerOptions ledger = LedgerOf(subject, options.steps);
  json header = Header(subject, options, "trace");
  header["format"] = "kvscope-trace-1";
  header["layers"] = ledger.layers;
  header["heads"] = ledger.heads;
  Print(header);
  const auto on_row = [](const LedgerRow& row) {
    if (!row.evicted.empty()) Print(TraceLine(row));
  };
  RETURN_IF_ERROR(StreamLedger(*subject.backend, subject.tokens(), subject.cell.method, ledger, on_row));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> CompareTraces(const Options& options) {
  ASSIGN_OR_RETURN(const Trace first, ReadTrace(options.first_trace));
  if (options.second_trace.empty()) {
    fmt::print("{}\n", TraceHash(first));
    return ExitCode::kDone;
  }
  ASSIGN_OR_RETURN(const Trace second, ReadTrace(options.second_trace));
  const std::string difference = FirstDifference(first, second);
  fmt::print("{}\n", difference.empty() ? "no difference" : difference);
  return difference.empty() ? ExitCode::kDone : ExitCode::kFails;
}

absl::StatusOr<ExitCode> InspectHeavyHitters(const Options& options) {
  if (!(options.share > 0 && options.share <= 1)) {
    return absl::InvalidArgumentError(
        fmt::format("--share: expected above 0, at most 1, found {}", options.share));
  }
  HeavyHitterOptions wanted{.share = options.share, .layers = {}, .steps = {}};
  for (int step : options.at_steps) {
    if (step < 1)
      return absl::InvalidArgumentError(fmt::format("--at-steps: expected 1 or more, found {}", step));
    wanted.steps.push_back(step - 1);
  }
  std::sort(wanted.steps.begin(), wanted.steps.end());
  Options with_room = options;
  with_room.steps = wanted.steps.back() + 1;
  ASSIGN_OR_RETURN(Subject subject, PrepareSubject(with_room));
  ASSIGN_OR_RETURN(wanted.layers, Layers(options, subject.config()));
  json header = Header(subject, options, "heavy-hitters");
  header["share"] = options.share;
  Print(header);
  ASSIGN_OR_RETURN(const std::vector<HeavyHitters> found,
                   FindHeavyHitters(*subject.backend, subject.config().vocab, subject.tokens(), wanted));
  for (const HeavyHitters& hitters : found) {
    Print({{"step", hitters.step},
           {"layer", hitters.layer},
           {"keys", hitters.keys},
           {"in_prompt", hitters.in_prompt},
           {"attention_held", hitters.attention_held},
           {"positions", hitters.positions}});
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> InspectAttention(const Options& options) {
  ASSIGN_OR_RETURN(Subject subject, PrepareSubject(options));
  ASSIGN_OR_RETURN(const std::vector<int> layers, Layers(options, subject.config()));
  Print(Header(subject, options, "attention"));
  RETURN_IF_ERROR(
      StreamAttention(*subject.backend, subject.config().vocab, subject.tokens(), layers, options.steps,
                      [](const AttentionRow& row) {
                        Print({{"step", row.step}, {"layer", row.layer}, {"attention", row.attention}});
                      }));
  return ExitCode::kDone;
}

using Inspection = absl::StatusOr<ExitCode> (*)(const Options&);

CLI::App* AddInspection(CLI::App& command, const char* name, const char* summary, Inspection inspection,
                        const std::shared_ptr<Options>& options, const std::shared_ptr<Inspection>& chosen) {
  CLI::App* sub = command.add_subcommand(name, summary);
  sub->callback([inspection, chosen] { *chosen = inspection; });
  AddQuietFlag(*sub, &options->quiet);
  return sub;
}

void AddSubjectFlags(CLI::App& sub, Options& options) {
  AddCellFlags(sub, options.request);
  AddMethodFlags(sub, options.request);
  sub.get_option("--method")->required(false);
  sub.add_option("--sample", options.sample, "Which prompt, from 0")->check(CLI::NonNegativeNumber);
  sub.add_option("--steps", options.steps, "Decode steps to play")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub.add_option("--threads", options.request.threads, "0: one a core")->capture_default_str();
  AddDeviceFlag(sub, options.request);
}

}  // namespace

Action AddInspect(CLI::App& command) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Inspection>(nullptr);
  command.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, Inspection inspection) {
    CLI::App* sub = AddInspection(command, name, summary, inspection, options, chosen);
    AddSubjectFlags(*sub, *options);
    return sub;
  };
  add("divergence", "How far predictions move from the full cache's, step by step, on the same text",
      InspectDivergence);
  add("evictions", "The budget ledger: what each head holds and gives up, step by step", InspectEvictions);
  add("trace", "Evictions in a form to keep and compare", RecordTrace);
  CLI::App* hitters =
      add("heavy-hitters", "Which keys hold most of the full cache's attention, and where they lie",
          InspectHeavyHitters);
  hitters->add_option("--at-steps", options->at_steps, "Decode steps to look at, from 1")
      ->delimiter(',')
      ->capture_default_str();
  hitters->add_option("--share", options->share, "Of the keys, by attention")->capture_default_str();
  CLI::App* attention =
      add("attention", "The full cache's attention over positions, step by step", InspectAttention);
  for (CLI::App* sub : {hitters, attention}) {
    sub->add_option("--layers", options->layers, "By default the first, one in the middle, and the last")
        ->delimiter(',');
  }
  CLI::App* diff = AddInspection(command, "compare-traces", "First difference of two traces; the hash of one",
                                 CompareTraces, options, chosen);
  diff->add_option("first", options->first_trace, "File that `inspect trace` printed")->required();
  diff->add_option("second", options->second_trace, "Another; left out: the first one's hash is printed");
  return [options, chosen] { return (*chosen)(*options); };
}

}  // namespace kvscope
