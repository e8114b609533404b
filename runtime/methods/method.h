// A KV-cache compression method: a prefill policy and a decode policy with their budgets. Policies are
// declarative values; the executors (runtime/cache) run any of them and know no policy's name. Rules:
// runtime/methods/README.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kvscope {

// clean: what the papers describe. published: bug-compatible with the code behind SCOPE's tables.
enum class Semantics { kClean, kPublished };

// What happens to the prompt's cache, once, after the exact prefill attention.
struct PrefillPolicy {
  std::string_view name;
  std::string_view source;   // paper, section
  std::string_view purpose;  // what it is for, in a line

  enum class Keep {
    kEverything,
    kFirstAndLast,      // the first C - w and the last w
    kBestScoredAndLast  // the C - w with the highest scores, and the last w
  };
  Keep keep = Keep::kEverything;

  // Whose attention scores a key: sums of softmax rows over these queries.
  enum class Queries { kNone, kObservationWindow, kAll };
  Queries scored_by = Queries::kNone;

  bool random = false;                 // a score drawn for each entry in place of attention: a control
  int pool_kernel = 1;                 // width of the max-pool over scores; 1: none
  bool window_is_half_budget = false;  // w = C / 2 in place of the method's observation window
  int pyramid_divisor = 0;  // budgets fall with the layer, to average / divisor; 0: the same in all
  bool clean_only = false;  // has no published form

  // Quirks of the published code that belong to a policy.
  bool short_prompt_adds_window = false;  // C scored entries, and w more, when P < 2 (C - w)
  int published_delta = 0;                // delta whatever W and T are; 0: (T - R) / (W - R)
  bool counters_outlive_prompts = false;  // adaptive's and discontinuous's counters are never reset
};

// What happens after each decode step's attention, when the cache is over its budget.
struct DecodePolicy {
  std::string_view name;
  std::string_view source;
  std::string_view purpose;

  // What a candidate is judged by; the lowest goes first.
  enum class Rank {
    kNever,                 // nothing is evicted
    kArrival,               // earlier arrival stays: the sinks
    kAttention,             // attention of the current step
    kAccumulatedAttention,  // attention summed over prefill and decoding
    kLayerAttention,        // attention of the current step, mean over all heads of the layer
    kKeyDistinctness,       // how little its key resembles the mean key
    kNovelty,               // attention of the current step against likeness to the other keys
    kRandom                 // a number drawn for each entry: every candidate is as likely to stay
  };
  Rank rank = Rank::kNever;

  bool protects_prefill = false;  // the prompt's entries are no candidates: SCOPE's separate budgets
  bool window_grows = false;      // W_t = R + t / delta in place of W (SCOPE, adaptive)
  bool periodic = false;          // compresses once in delta + 1 steps only (SCOPE, discontinuous)
  int pyramid_divisor = 0;        // as for prefill, over the whole cache's budget
  bool clean_only = false;        // has no published form
  bool evicts_nothing = false;    // selects at every step and keeps all: what the machinery itself costs
};

// How the query heads of a GQA group make one score for their shared KV head.
enum class GroupScore { kMean, kMax, kSum };

// How the decode budget of a layer is shared out over its heads.
enum class HeadBudget {
  kUniform,
  // More to heads whose attention is spread out, less where a few heavy hitters hold most of it; the layer's
  // total stays.
  kConcentration
};

// Every number a method is run with. Tokens are per head.
struct Budgets {
  int prefill = 0;      // C; 0: no limit, the prompt is kept whole
  int observation = 8;  // w
  int window = 512;     // W
  int recent = 256;     // R
  int max_new = 4096;   // T: with W and R it sets delta
  GroupScore group_score = GroupScore::kMean;
  HeadBudget head_budget = HeadBudget::kUniform;
  bool per_query_head =
      false;          // a cache and a selection for each query head, at heads / kv_heads times the memory
  uint64_t seed = 0;  // of the random controls
};

struct Method {
  const PrefillPolicy* prefill = nullptr;  // registered for the life of the program
  const DecodePolicy* decode = nullptr;
  Semantics semantics = Semantics::kClean;
  Budgets budgets;

  std::string Name() const;  // "full+slide"; "full" where nothing happens in decoding

  // Whether each query head has a cache of its own; published code repeats keys and values before it caches
  // them.
  bool CachesQueryHeads() const { return semantics == Semantics::kPublished || budgets.per_query_head; }

  // Whether entries carry a sum of attention from step to step. Published H2O ranks by the current step
  // alone.
  bool AccumulatesAttention() const {
    return semantics == Semantics::kClean && decode->rank == DecodePolicy::Rank::kAccumulatedAttention;
  }
};

std::span<const PrefillPolicy* const> PrefillPolicies();
std::span<const DecodePolicy* const> DecodePolicies();

// `name` is PREFILL or PREFILL+DECODE. InvalidArgument: an unknown name (the message lists the known ones),
// or budgets that cannot work together (recent not below window, prefill budget not above the observation
// window, ...).
absl::StatusOr<Method> MakeMethod(std::string_view name, Semantics semantics, const Budgets& budgets);

// Whether a flag matters to the method; a flag that does not matter does not make two cells of a sweep.
bool UsesPrefillBudget(const Method& method);
bool UsesWindow(const Method& method);
bool UsesRecent(const Method& method);

}  // namespace kvscope
