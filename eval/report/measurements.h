// What a run's samples took and how they ended: memory, time, termination.
#pragma once

#include <optional>
#include <string>

#include "eval/score/score_folder.h"

namespace kvscope {

// False of bytes and seconds that only a damaged record says: negative, not a number, or too large to
// calculate with.
bool IsPlausible(double amount);

// Of a sample's cache; fields as in KvRecord. Means over the samples that say.
struct Ledger {
  double prefill_peak_bytes = 0;
  double peak_bytes = 0;
  double end_bytes = 0;
  double decode_mean_bytes = 0;
  double score_bytes = 0;
  double evictions = 0;
  double moved_rows = 0;
  // The layers with the fewest and the most tokens, over all samples. nullopt where no record lists layers.
  std::optional<int> fewest_layer_tokens;
  std::optional<int> most_layer_tokens;
};

// nullopt where no sample says.
std::optional<Ledger> MakeLedger(const JudgedRun& run);

// Seconds of a sample. The split holds means over samples, which add up; the rest are medians.
struct Times {
  double prefill_s = 0;
  double ttft_s = 0;  // prefill and compression
  double step_p50_s = 0;
  double step_p99_s = 0;
  double mean_prefill_s = 0;
  double mean_compress_s = 0;
  double mean_select_s = 0;       // selection and eviction while decoding
  double mean_decode_rest_s = 0;  // all else of decoding: attention, projections, sampling
};

// nullopt for runs in accuracy mode.
std::optional<Times> MakeTimes(const JudgedRun& run);

// Samples by how they ended.
struct Termination {
  int eos = 0;
  int length = 0;
  int error = 0;
  int unknown = 0;  // imported runs do not say
  std::string first_error;
};

Termination MakeTermination(const JudgedRun& run);

}  // namespace kvscope
