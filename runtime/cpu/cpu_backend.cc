#include "runtime/cpu/cpu_backend.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "kernels/cpu/attention.h"
#include "runtime/cache/cached_sequence.h"
#include "runtime/cache/page.h"
#include "runtime/cpu/cpu_decode.h"
#include "runtime/cpu/cpu_prefill.h"
#include "runtime/cpu/transformer.h"

namespace kvscope {
namespace {

class CpuBackend : public Backend {
 public:
  CpuBackend(std::shared_ptr<const Model> model, Precision precision, KvType kv_type, int threads,
             size_t cache_bytes)
      : kv_type_(kv_type),
        ledger_(cache_bytes),
        transformer_(MakeTransformer(std::move(model), precision, threads)),
        activations_(transformer_->config()),
        decode_(*transformer_, activations_) {}

  absl::StatusOr<PrefillResult> Prefill(const PrefillRequest& request, std::span<float> logits) override {
    CpuPrefill layers(*transformer_, activations_, kv_type_, ledger_, request.prompt);
    PromptPrefill prefill(layers, transformer_->config(), kv_type_, request);
    absl::StatusOr<PrefillResult> result = prefill.Run(logits);
    NoteScratch(prefill.scratch_bytes() + layers.scratch_bytes());
    return result;
  }

  absl::Status Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                      std::span<float> logits) override {
    std::vector<CachedSequence*> sequences;
    for (BackendSequence* row : rows) sequences.push_back(static_cast<CachedSequence*>(row));
    decode_.Step(sequences, tokens, logits);
    NoteScratch(0);
    const auto failed = std::ranges::find_if_not(sequences, [](auto* row) { return row->failure.ok(); });
    return failed == sequences.end() ? absl::OkStatus() : (*failed)->failure;
  }

  void SetProbe(AttentionProbe* probe) override { decode_.SetProbe(probe); }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t cache_bytes_peak() const override { return ledger_.peak_bytes(); }

 private:
  void NoteScratch(size_t prefill) {
    const size_t bytes =
        prefill + transformer_->scratch_bytes() + activations_.bytes() + decode_.scratch_bytes();
    scratch_bytes_ = std::max(scratch_bytes_, bytes);
  }

  KvType kv_type_;
  PageLedger ledger_;
  std::unique_ptr<Transformer> transformer_;
  BlockActivations activations_;
  CpuDecode decode_;
  size_t scratch_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeCpuBackend(std::shared_ptr<const Model> model,
                                                        Precision precision, KvType kv_type, int threads,
                                                        size_t cache_bytes) {
  if (model->config.head_dim % kHeadDimMultiple != 0) {
    return absl::UnimplementedError(fmt::format("{}: head_dim: expected a multiple of {}, found {}",
                                                model->path, kHeadDimMultiple, model->config.head_dim));
  }
  return std::make_unique<CpuBackend>(std::move(model), precision, kv_type, threads, cache_bytes);
}

}  // namespace kvscope
