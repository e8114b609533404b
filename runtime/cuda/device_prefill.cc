#include "runtime/cuda/device_prefill.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/cuda/tensor_prefill.h"
#include "runtime/cuda/profiler_range.h"

namespace kvscope {

DevicePrefill::DevicePrefill(DeviceTransformer& transformer, DeviceLedger& memory, PageLedger& ledger,
                             std::span<const int> prompt)
    : transformer_(transformer),
      ledger_(ledger),
      prompt_(prompt),
      positions_(prompt.size()),
      ids_(memory, DevicePurpose::kScratch),
      device_positions_(memory, DevicePurpose::kScratch),
      writes_(memory, DevicePurpose::kScratch),
      logits_(memory, DevicePurpose::kScratch),
      pages_(memory, DevicePurpose::kScratch),
      max_(memory, DevicePurpose::kScores),
      sum_(memory, DevicePurpose::kScores),
      received_(memory, DevicePurpose::kScores) {
  std::iota(positions_.begin(), positions_.end(), 0);
}

absl::Status DevicePrefill::Begin() {
  transformer_.pages().Forget();
  RETURN_IF_ERROR(transformer_.Reserve(DeviceTransformer::Phase::kPrefill, prompt_.size(), prompt_.size()));
  RETURN_IF_ERROR(ids_.Upload(prompt_, transformer_.stream()));
  RETURN_IF_ERROR(device_positions_.Upload(positions_, transformer_.stream()));
  return transformer_.Embed(ids_.data(), device_positions_.data());
}

absl::Status DevicePrefill::KeepSelected() {
  RETURN_IF_ERROR(compress_timer_.Start(transformer_.stream()));
  RETURN_IF_ERROR(transformer_.pages().EditByPage());
  return compress_timer_.Stop(transformer_.stream());
}

absl::StatusOr<std::vector<HeadCache>> DevicePrefill::RunLayer(size_t layer, PromptScores& scores) {
  const ProfilerRange range("prefill layer");
  RETURN_IF_ERROR(KeepSelected());
  RETURN_IF_ERROR(transformer_.Project(layer));
  std::vector<HeadCache> caches;
  for (size_t head = 0; head < config().kv_heads; ++head) {
    HeadCache& cache = caches.emplace_back(transformer_.pages().type(), config().head_dim, ledger_);
    for (size_t t = 0; t < prompt_.size(); ++t) {
      cache.Append(positions_[t], transformer_.key(t, head), transformer_.value(t, head));
    }
  }
  RETURN_IF_ERROR(transformer_.pages().Edit());
  const std::vector<CacheWrite> writes = transformer_.pages().TakeWrites();
  RETURN_IF_ERROR(writes_.Upload(writes, transformer_.stream()));
  RETURN_IF_ERROR(transformer_.FillCaches(writes_.data(), writes.size()));
  RETURN_IF_ERROR(Attend(caches, scores));
  RETURN_IF_ERROR(transformer_.Finish(layer));
  return caches;
}

absl::Status DevicePrefill::Attend(const std::vector<HeadCache>& caches, PromptScores& scores) {
  std::vector<const std::byte*> pages;
  for (const HeadCache& cache : caches) pages.insert(pages.end(), cache.pages().begin(), cache.pages().end());
  RETURN_IF_ERROR(pages_.Upload(pages, transformer_.stream()));
  const size_t queries = config().heads * prompt_.size();
  for (DeviceBuffer<float>* buffer : {&max_, &sum_}) buffer->Resize(queries);
  const auto attend = [&](size_t unmasked_before, float* out) -> absl::StatusOr<PrefillAttentionParams> {
    const PrefillAttentionParams params{.q = transformer_.q(),
                                        .pages = pages_.data(),
                                        .prompt = static_cast<unsigned>(prompt_.size()),
                                        .heads = static_cast<unsigned>(config().heads),
                                        .kv_heads = static_cast<unsigned>(config().kv_heads),
                                        .head_dim = static_cast<unsigned>(config().head_dim),
                                        .kv_type = transformer_.pages().type(),
                                        .scale = 1.0f / std::sqrt(static_cast<float>(config().head_dim)),
                                        .unmasked_before = static_cast<unsigned>(unmasked_before),
                                        .max = max_.data(),
                                        .sum = sum_.data(),
                                        .out = out};
    const bool on_tensor_cores = transformer_.precision() == Precision::kBF16 && out != nullptr;
    const auto& attend_on_device = on_tensor_cores ? TensorPrefillOnDevice : PrefillAttentionOnDevice;
    RETURN_IF_CUDA_ERROR(attend_on_device(params, transformer_.stream()));
    return params;
  };

  scores.Reset(config().heads, 1);
  ASSIGN_OR_RETURN(const PrefillAttentionParams causal, attend(0, transformer_.attention()));
  for (size_t sum = 0; sum < scores.sums(); ++sum) {
    if (scores.queries(sum).kind != QuerySet::Kind::kUnmasked) RETURN_IF_ERROR(Receive(causal, sum, scores));
  }
  for (size_t sum = 0; sum < scores.sums(); ++sum) {
    const QuerySet& set = scores.queries(sum);
    if (set.kind != QuerySet::Kind::kUnmasked) continue;
    ASSIGN_OR_RETURN(const PrefillAttentionParams unmasked, attend(prompt_.size() - set.window, nullptr));
    RETURN_IF_ERROR(Receive(unmasked, sum, scores));
  }
  return absl::OkStatus();
}

absl::Status DevicePrefill::Receive(const PrefillAttentionParams& attention, size_t sum,
                                    PromptScores& scores) {
  const QuerySet& set = scores.queries(sum);
  const size_t first = set.kind == QuerySet::Kind::kWindow ? prompt_.size() - set.window : 0;
  if (first == prompt_.size()) return absl::OkStatus();  // no queries: the sums stay 0
  std::vector<float> received(config().heads * prompt_.size());
  received_.Resize(received.size());
  RETURN_IF_ERROR(compress_timer_.Start(transformer_.stream()));
  RETURN_IF_CUDA_ERROR(ReceivedAttentionOnDevice(attention, static_cast<unsigned>(first), received_.data(),
                                                 transformer_.stream()));
  RETURN_IF_ERROR(compress_timer_.Stop(transformer_.stream()));
  RETURN_IF_ERROR(received_.Download(received, transformer_.stream()));
  for (size_t head = 0; head < config().heads; ++head)
    std::copy_n(&received[head * prompt_.size()], prompt_.size(), scores.At(sum, head, 0));
  return absl::OkStatus();
}

absl::Status DevicePrefill::Logits(std::span<float> logits) {
  RETURN_IF_ERROR(KeepSelected());
  logits_.Resize(config().vocab);
  RETURN_IF_ERROR(transformer_.Logits(prompt_.size() - 1, 1, logits_.data()));
  RETURN_IF_ERROR(logits_.Download(logits.first(config().vocab), transformer_.stream()));
  ASSIGN_OR_RETURN(compress_s_, compress_timer_.Seconds());
  return absl::OkStatus();
}

}  // namespace kvscope
