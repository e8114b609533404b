#include "eval/report/measurements.h"

#include <algorithm>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/metrics/quantile.h"

namespace kvscope {
namespace {

// The records of a kind that a sample may lack.
template <typename Record>
std::vector<const Record*> Present(const JudgedRun& run, std::optional<Record> SampleRecord::*field) {
  std::vector<const Record*> present;
  for (const JudgedSample& sample : run.samples)
    if (sample.record.*field) present.push_back(&*(sample.record.*field));
  return present;
}

template <typename Record, typename Get>
std::vector<double> Values(const std::vector<const Record*>& records, Get get) {
  std::vector<double> values;
  for (const Record* record : records) values.push_back(static_cast<double>(get(*record)));
  return values;
}

// REQUIRES: `records` is not empty.
template <typename Record, typename Get>
double Mean(const std::vector<const Record*>& records, Get get) {
  return MeanWithInterval(Values(records, get))->mean;
}

template <typename Record, typename Get>
double Median(const std::vector<const Record*>& records, Get get) {
  return *Quantile(Values(records, get), 0.5);
}

}  // namespace

bool IsPlausible(double amount) {
  constexpr double kTooLarge = 1e200;
  return amount >= 0 && amount < kTooLarge;
}

std::optional<Ledger> MakeLedger(const JudgedRun& run) {
  const auto records = Present(run, &SampleRecord::kv);
  if (records.empty()) return std::nullopt;
  Ledger ledger;
  ledger.prefill_peak_bytes = Mean(records, [](const KvRecord& kv) { return kv.prefill_peak_bytes; });
  ledger.peak_bytes = Mean(records, [](const KvRecord& kv) { return kv.peak_bytes; });
  ledger.end_bytes = Mean(records, [](const KvRecord& kv) { return kv.end_bytes; });
  ledger.decode_mean_bytes = Mean(records, [](const KvRecord& kv) { return kv.decode_mean_bytes; });
  ledger.score_bytes = Mean(records, [](const KvRecord& kv) { return kv.score_bytes; });
  ledger.evictions = Mean(records, [](const KvRecord& kv) { return kv.evictions; });
  ledger.moved_rows = Mean(records, [](const KvRecord& kv) { return kv.moved_rows; });
  for (const KvRecord* kv : records) {
    for (const int tokens : kv->tokens_by_layer) {
      ledger.fewest_layer_tokens = std::min(ledger.fewest_layer_tokens.value_or(tokens), tokens);
      ledger.most_layer_tokens = std::max(ledger.most_layer_tokens.value_or(tokens), tokens);
    }
  }
  return ledger;
}

std::optional<Times> MakeTimes(const JudgedRun& run) {
  const auto records = Present(run, &SampleRecord::time);
  if (records.empty()) return std::nullopt;
  Times times;
  times.prefill_s = Median(records, [](const TimeRecord& t) { return t.prefill_s; });
  times.ttft_s = Median(records, [](const TimeRecord& t) { return t.prefill_s + t.compress_s; });
  times.step_p50_s = Median(records, [](const TimeRecord& t) { return t.step_p50_s; });
  times.step_p99_s = Median(records, [](const TimeRecord& t) { return t.step_p99_s; });
  times.mean_prefill_s = Mean(records, [](const TimeRecord& t) { return t.prefill_s; });
  times.mean_compress_s = Mean(records, [](const TimeRecord& t) { return t.compress_s; });
  times.mean_select_s = Mean(records, [](const TimeRecord& t) { return t.select_s; });
  times.mean_decode_rest_s =
      Mean(records, [](const TimeRecord& t) { return std::max(0.0, t.decode_s - t.select_s); });
  return times;
}

Termination MakeTermination(const JudgedRun& run) {
  Termination termination;
  for (const JudgedSample& sample : run.samples) {
    if (!sample.record.finish) {
      ++termination.unknown;
    } else if (*sample.record.finish == FinishReason::kEos) {
      ++termination.eos;
    } else if (*sample.record.finish == FinishReason::kLength) {
      ++termination.length;
    } else {
      if (++termination.error == 1) termination.first_error = sample.record.error;
    }
  }
  return termination;
}

}  // namespace kvscope
