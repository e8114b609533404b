#include "eval/run/sample_result.h"

#include "eval/metrics/quantile.h"
#include "eval/scorers/clean.h"

namespace kvscope {
namespace {

FinishReason ToReason(Finish finish) {
  switch (finish) {
    case Finish::kEos:
      return FinishReason::kEos;
    case Finish::kLength:
      return FinishReason::kLength;
    case Finish::kError:
      return FinishReason::kError;
  }
  return FinishReason::kError;
}

KvRecord ToRecord(const KvUse& use) {
  return {.peak_bytes = use.peak_bytes,
          .end_bytes = use.end_bytes,
          .decode_mean_bytes = use.decode_mean_bytes,
          .prefill_peak_bytes = use.prefill_peak_bytes,
          .allocated_bytes = use.allocated_bytes,
          .score_bytes = use.score_bytes,
          .tokens_by_layer = use.tokens_by_layer,
          .requested_tokens = use.requested_tokens,
          .evictions = use.evictions,
          .moved_rows = use.moved_rows};
}

TimeRecord ToRecord(const PhaseTimes& times) {
  return {.prefill_s = times.prefill_s,
          .compress_s = times.compress_s,
          .decode_s = times.decode_s,
          .select_s = times.select_s,
          .step_p50_s = Quantile(times.step_s, 0.50).value_or(0),
          .step_p99_s = Quantile(times.step_s, 0.99).value_or(0)};
}

}  // namespace

SampleRecord ToSampleRecord(const Prompt& prompt, size_t prompt_tokens, const SequenceResult& result,
                            const Tokenizer& tokenizer, bool timed) {
  SampleRecord record;
  record.sample = prompt.sample;
  record.prompt_sha256 = prompt.Hash();
  record.prompt_tokens = static_cast<int>(prompt_tokens);
  record.output_tokens = static_cast<int>(result.tokens.size());
  record.text = tokenizer.Decode(result.tokens);
  record.finish = ToReason(result.finish);
  record.error = result.error;
  for (const QuestionScore& question : ScoreClean(prompt, record.text).questions)
    if (!question.answer.empty()) record.answers[question.number] = question.answer;
  record.kv = ToRecord(result.kv);
  if (timed) record.time = ToRecord(result.times);
  record.token_ids_sha256 = TokenIdsSha256(result.tokens);
  return record;
}

}  // namespace kvscope
