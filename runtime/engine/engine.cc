#include "runtime/engine/engine.h"

#include <algorithm>
#include <new>
#include <string_view>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "kernels/cpu/elementwise.h"
#include "results/base/status_macros.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/engine/cache_need.h"

namespace kvscope {
namespace {

constexpr float kForbidden = -3e38f;

// Memory set apart for as long as this exists.
class Reservation {
 public:
  Reservation(size_t& reserved_bytes, size_t bytes) : reserved_bytes_(reserved_bytes), bytes_(bytes) {
    reserved_bytes_ += bytes;
  }
  ~Reservation() { reserved_bytes_ -= bytes_; }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

 private:
  size_t& reserved_bytes_;
  size_t bytes_;
};

// What a row may come to need: of its own, and in common with others.
using Memory = std::vector<std::shared_ptr<const Reservation>>;

// Requests [first, end) that one prefill can serve.
struct Group {
  size_t first = 0;
  size_t end = 0;
  std::vector<CacheNeed> needs;  // of each; empty: not known, or memory has no limit

  std::span<const CacheNeed> Needs(size_t request, size_t n) const {
    return needs.empty() ? std::span<const CacheNeed>() : std::span(needs).subspan(request - first, n);
  }
};

// A request being decoded.
struct Row {
  size_t request = 0;
  Memory memory;
  std::unique_ptr<BackendSequence> sequence;
  std::vector<int> tokens;  // generated so far
  int next = 0;             // token to feed
};

}  // namespace

struct Engine::Impl {
  absl::Status CheckRequest(const SequenceRequest& request, size_t index) const;
  absl::Status Run();

  // One past the last of the requests from `first` on that one prefill can serve: equal prompts, and counters
  // of their own.
  size_t GroupEnd(size_t first) const;
  // How many of the group's requests from `first` on can join the batch now.
  size_t Admissible(size_t first);
  // How many of `needs` there is memory for now.
  size_t Fitting(std::span<const CacheNeed> needs, size_t prompt) const;
  // For each of `needs`, whose rows are about to run; none where memory has no limit.
  std::vector<Memory> Reserve(std::span<const CacheNeed> needs);
  // Prefills the `n` requests from `first` on together; each joins the batch unless its first token already
  // ends it.
  absl::Status Admit(size_t first, size_t n);
  void Step();

  // Takes the next token from `logits` and decides whether the row goes on. Reports it otherwise.
  bool Advance(Row& row, std::span<float> logits);
  // Ends a request whose cache would not fit even if nothing else ran.
  void RefuseForMemory(size_t request);
  void Report(Row& row, Finish finish, std::string error);
  void FailAll(const std::string& error);
  bool Cancelled() const { return callbacks->cancelled && callbacks->cancelled(); }
  // "out of memory while ...", with what a device held at its peak.
  std::string OutOfMemory(std::string_view doing) const;

  std::shared_ptr<const Model> model;
  EngineOptions options;
  std::unique_ptr<Backend> backend;
  std::vector<float> logits;  // [batch, vocab]
  std::span<float> RowLogits(size_t row) {
    return std::span(logits).subspan(row * model->config.vocab, model->config.vocab);
  }

  // Of the call in progress.
  const std::vector<SequenceRequest>* requests = nullptr;
  const EngineCallbacks* callbacks = nullptr;
  Group group;                // that the next request belongs to
  size_t reserved_bytes = 0;  // of the rows, to their ends
  std::vector<Row> rows;
};

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(std::shared_ptr<const Model> model,
                                                       const EngineOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        fmt::format("--threads: expected 0 (one a core) to 1024, found {}", options.threads));
  }
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend,
                   MakeCpuBackend(model, options.precision, options.kv, threads, options.cache_bytes));
  return Create(std::move(model), options, std::move(backend));
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(std::shared_ptr<const Model> model,
                                                       const EngineOptions& options,
                                                       std::unique_ptr<Backend> backend) {
  if (options.batch < 1 || options.batch > 1024) {
    return absl::InvalidArgumentError(fmt::format("--batch: expected 1 to 1024, found {}", options.batch));
  }
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->backend = std::move(backend);
  impl->logits.resize(static_cast<size_t>(options.batch) * model->config.vocab);
  impl->model = std::move(model);
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

size_t Engine::scratch_bytes() const {
  return impl_->backend->scratch_bytes() + impl_->logits.size() * sizeof(float);
}

size_t Engine::cache_bytes_peak() const { return impl_->backend->cache_bytes_peak(); }

std::map<std::string, size_t> Engine::device_bytes_peak() const {
  return impl_->backend->device_bytes_peak();
}

absl::Status Engine::Generate(const std::vector<SequenceRequest>& requests,
                              const EngineCallbacks& callbacks) {
  for (size_t i = 0; i < requests.size(); ++i) RETURN_IF_ERROR(impl_->CheckRequest(requests[i], i));
  impl_->requests = &requests;
  impl_->callbacks = &callbacks;
  const absl::Status status = impl_->Run();
  impl_->rows.clear();
  return status;
}

absl::Status Engine::Impl::CheckRequest(const SequenceRequest& request, size_t index) const {
  const ModelConfig& config = model->config;
  if (request.prompt.empty())
    return absl::InvalidArgumentError(fmt::format("request {}: the prompt is empty", index));
  for (int token : request.prompt) {
    if (token < 0 || token >= static_cast<int>(config.vocab)) {
      return absl::InvalidArgumentError(
          fmt::format("request {}: token id: expected 0 to {}, found {}", index, config.vocab - 1, token));
    }
  }
  for (int token : request.forced) {
    if (token < 0 || token >= static_cast<int>(config.vocab)) {
      return absl::InvalidArgumentError(fmt::format("request {}: forced token id: expected 0 to {}, found {}",
                                                    index, config.vocab - 1, token));
    }
  }
  if (request.max_new_tokens < 1) {
    return absl::InvalidArgumentError(fmt::format("request {}: max_new_tokens: expected at least 1, found {}",
                                                  index, request.max_new_tokens));
  }
  const size_t positions = request.prompt.size() + static_cast<size_t>(request.max_new_tokens) - 1;
  if (positions > config.max_positions) {
    return absl::InvalidArgumentError(
        fmt::format("request {}: {} prompt and {} new tokens need {} positions, more than the model's {}",
                    index, request.prompt.size(), request.max_new_tokens, positions, config.max_positions));
  }
  return absl::OkStatus();
}

size_t Engine::Impl::GroupEnd(size_t first) const {
  const auto begin = requests->begin() + static_cast<std::ptrdiff_t>(first);
  auto end = begin + 1;
  // Requests that share published counters depend on each other's order.
  const auto shares_counters = [&](const SequenceRequest& request) {
    return request.counters != nullptr && std::any_of(begin, end, [&](const SequenceRequest& other) {
             return other.counters == request.counters;
           });
  };
  while (end != requests->end() && end->prompt == begin->prompt && !shares_counters(*end)) ++end;
  return static_cast<size_t>(end - requests->begin());
}

// A group is cut only where nothing else runs: a second prefill costs more than rows that stay empty for a
// while.
size_t Engine::Impl::Admissible(size_t first) {
  for (size_t i = first; i < group.end; ++i) {
    const auto& counters = (*requests)[i].counters;
    const bool in_use = counters != nullptr && std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
                          return (*requests)[row.request].counters == counters;
                        });
    if (in_use) return 0;
  }
  const size_t left = group.end - first;
  size_t n = std::min(left, static_cast<size_t>(options.batch) - rows.size());
  if (options.cache_bytes != 0) {
    if (group.needs.empty()) {
      group.needs = CacheNeeds(std::span(*requests).subspan(group.first, group.end - group.first),
                               model->config, options.kv);
    }
    n = Fitting(group.Needs(first, n), (*requests)[first].prompt.size());
  }
  return n == left || rows.empty() ? n : 0;
}

size_t Engine::Impl::Fitting(std::span<const CacheNeed> needs, size_t prompt) const {
  const size_t besides = reserved_bytes + LayerBytes(model->config, options.kv, prompt);
  size_t n = 0;
  while (n < needs.size() && besides + BytesTogether(needs.first(n + 1)) <= options.cache_bytes) ++n;
  return n;
}

absl::Status Engine::Impl::Run() {
  size_t next = 0;
  group = {};
  while (next < requests->size() || !rows.empty()) {
    if (Cancelled()) return absl::CancelledError("generation was cancelled");
    while (next < requests->size()) {
      if (next == group.end) group = {.first = next, .end = GroupEnd(next)};
      const size_t n = Admissible(next);
      if (n == 0 && rows.empty()) {
        RefuseForMemory(next++);
        continue;
      }
      if (n == 0) break;
      RETURN_IF_ERROR(Admit(next, n));
      next += n;
    }
    if (!rows.empty()) Step();
  }
  return absl::OkStatus();
}

void Engine::Impl::RefuseForMemory(size_t request) {
  const size_t prompt = (*requests)[request].prompt.size();
  const size_t needed =
      BytesTogether(group.Needs(request, 1)) + LayerBytes(model->config, options.kv, prompt);
  Row row{.request = request};
  Report(row, Finish::kError,
         fmt::format("the cache may come to {} bytes, more than the {} that are allowed", needed,
                     options.cache_bytes));
}

std::vector<Memory> Engine::Impl::Reserve(std::span<const CacheNeed> needs) {
  std::vector<std::shared_ptr<const Reservation>> selections;
  for (size_t bytes : SelectionBytes(needs)) {
    selections.push_back(std::make_shared<const Reservation>(reserved_bytes, bytes));
  }
  std::vector<Memory> memory;
  for (const CacheNeed& need : needs) {
    memory.push_back(
        {std::make_shared<const Reservation>(reserved_bytes, need.other_bytes), selections[need.selection]});
  }
  return memory;
}

absl::Status Engine::Impl::Admit(size_t first, size_t n) {
  PrefillRequest prefill{.prompt = (*requests)[first].prompt};
  for (size_t i = first; i < first + n; ++i) {
    prefill.rows.push_back({(*requests)[i].method, (*requests)[i].counters.get()});
  }
  prefill.cancelled = callbacks->cancelled;
  if (callbacks->progress) {
    prefill.progress = [&](int tokens_done) {
      for (size_t i = first; i < first + n; ++i) callbacks->progress(i, tokens_done, 0);
    };
  }
  PrefillResult prefilled;
  try {
    ASSIGN_OR_RETURN(prefilled, backend->Prefill(prefill, RowLogits(0)));
  } catch (const std::bad_alloc&) {
    // What is too much for all may do for each.
    for (size_t i = 0; n > 1 && i < n; ++i) RETURN_IF_ERROR(Admit(first + i, 1));
    if (n > 1) return absl::OkStatus();
    prefilled.emplace_back(absl::ResourceExhaustedError(OutOfMemory("during prefill")));
  }
  // A row may change its logits.
  for (size_t i = 1; i < n; ++i) std::ranges::copy(RowLogits(0), RowLogits(i).begin());
  auto memory = Reserve(group.Needs(first, n));
  memory.resize(n);
  for (size_t i = 0; i < n; ++i) {
    Row row{.request = first + i, .memory = std::move(memory[i])};
    if (!prefilled[i].ok()) {
      Report(row, Finish::kError, std::string(prefilled[i].status().message()));
      continue;
    }
    row.sequence = *std::move(prefilled[i]);
    if (Advance(row, RowLogits(i))) rows.push_back(std::move(row));
  }
  return absl::OkStatus();
}

void Engine::Impl::Step() {
  std::vector<BackendSequence*> sequences;
  std::vector<int> tokens;
  for (const Row& row : rows) {
    sequences.push_back(row.sequence.get());
    tokens.push_back(row.next);
  }
  try {
    // Each row knows whether it failed.
    backend->Decode(sequences, tokens, std::span(logits).first(rows.size() * model->config.vocab))
        .IgnoreError();
  } catch (const std::bad_alloc&) {
    return FailAll(OutOfMemory("while decoding"));
  }
  std::vector<Row> going_on;
  for (size_t i = 0; i < rows.size(); ++i) {
    const absl::Status status = rows[i].sequence->status();
    if (!status.ok()) {
      const bool memory = status.code() == absl::StatusCode::kResourceExhausted;
      Report(rows[i], Finish::kError, memory ? OutOfMemory("while decoding") : std::string(status.message()));
    } else if (Advance(rows[i], RowLogits(i))) {
      going_on.push_back(std::move(rows[i]));
    }
  }
  rows = std::move(going_on);
}

bool Engine::Impl::Advance(Row& row, std::span<float> row_logits) {
  const SequenceRequest& request = (*requests)[row.request];
  // The published code asks for at least one new token, by forbidding the end as the first.
  if (request.method.semantics == Semantics::kPublished && row.tokens.empty()) {
    for (int stop : request.stop_ids) row_logits[static_cast<size_t>(stop)] = kForbidden;
  }
  const int token = ArgMaxFinite(row_logits);
  if (token < 0) {
    Report(row, Finish::kError, fmt::format("the logits of new token {} are not finite", row.tokens.size()));
    return false;
  }
  const bool forced = !request.forced.empty();
  if (!forced &&
      std::find(request.stop_ids.begin(), request.stop_ids.end(), token) != request.stop_ids.end()) {
    Report(row, Finish::kEos, "");
    return false;
  }
  const size_t step = row.tokens.size();
  row.tokens.push_back(token);
  const bool last = static_cast<int>(row.tokens.size()) >= request.max_new_tokens;
  if (last || (forced && step >= request.forced.size())) {
    Report(row, Finish::kLength, "");
    return false;
  }
  row.next = forced ? request.forced[step] : token;
  if (callbacks->progress) {
    callbacks->progress(row.request, static_cast<int>(request.prompt.size()),
                        static_cast<int>(row.tokens.size()));
  }
  return true;
}

void Engine::Impl::Report(Row& row, Finish finish, std::string error) {
  SequenceResult result;
  result.tokens = std::move(row.tokens);
  result.finish = finish;
  result.error = std::move(error);
  if (row.sequence != nullptr) {
    result.kv = row.sequence->kv();
    result.times = row.sequence->times();
  }
  if (callbacks->finished) callbacks->finished(row.request, std::move(result));
}

std::string Engine::Impl::OutOfMemory(std::string_view doing) const {
  std::string message = fmt::format("out of memory {}", doing);
  const auto peak = backend->device_bytes_peak();
  if (peak.empty()) return message;
  message += "; the device held at most";
  for (const auto& [purpose, bytes] : peak) message += fmt::format(" {} {},", bytes, purpose);
  message.pop_back();
  return message + " bytes";
}

// A failed step leaves every row's cache in an unknown state.
void Engine::Impl::FailAll(const std::string& error) {
  for (Row& row : rows) Report(row, Finish::kError, error);
  rows.clear();
}

}  // namespace kvscope
