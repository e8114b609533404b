#include "eval/run/run_defaults.h"

namespace kvscope {
namespace {

constexpr int kMaxNewTokens = 4096;
constexpr int kMaxNewTokensLong = 7950;
constexpr int kPublishedShortQuestions = 30;  // the published code tests for this number alone
constexpr uint32_t kSmallestHiddenForBF16 = 256;
constexpr int kArithTokensPerAnswer = 24;  // the longest answer, "Answer_99:A98 ...", and its line end

}  // namespace

int DefaultPrefillBudget(const TaskInfo& task, int questions) {
  return questions <= task.questions_4k ? 2048 : 4096;
}

int DefaultMaxNewTokens(const TaskInfo& task, int questions, bool published) {
  if (!task.has_published) return kArithTokensPerAnswer * questions;
  if (published) return questions == kPublishedShortQuestions ? kMaxNewTokens : kMaxNewTokensLong;
  if (questions > task.questions_4k) return kMaxNewTokensLong;
  return (kMaxNewTokens * questions + task.questions_4k - 1) / task.questions_4k;
}

Precision DefaultPrecision(const ModelConfig& model) {
  return model.hidden >= kSmallestHiddenForBF16 ? Precision::kBF16 : Precision::kF32;
}

KvType DefaultKvType(Precision precision) {
  return precision == Precision::kBF16 ? KvType::kBF16 : KvType::kF32;
}

}  // namespace kvscope
