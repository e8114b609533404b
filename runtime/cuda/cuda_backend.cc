#include "runtime/cuda/cuda_backend.h"

#include <algorithm>
#include <new>
#include <utility>

#include "fmt/format.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/tensor_matmul.h"
#include "runtime/cuda/device_decode.h"
#include "runtime/cuda/device_prefill.h"

namespace kvscope {
namespace {

class CudaBackend : public Backend {
 public:
  CudaBackend(DeviceStream stream, std::unique_ptr<DeviceLedger> memory, DeviceModel model,
              Precision precision, KvType kv_type, size_t cache_bytes)
      : stream_(std::move(stream)),
        memory_(std::move(memory)),
        model_(std::move(model)),
        pages_(*memory_, stream_.get(), kv_type, model_.config().head_dim),
        ledger_(cache_bytes, pages_),
        transformer_(model_, precision, pages_, *memory_, stream_.get()),
        decode_(transformer_, *memory_) {}

  absl::StatusOr<PrefillResult> Prefill(const PrefillRequest& request, std::span<float> logits) override {
    DevicePrefill layers(transformer_, *memory_, ledger_, request.prompt);
    PromptPrefill prefill(layers, model_.config(), pages_.type(), request);
    absl::StatusOr<PrefillResult> result = prefill.Run(logits);
    host_scratch_bytes_ = std::max(host_scratch_bytes_, prefill.scratch_bytes());
    return result;
  }

  absl::Status Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                      std::span<float> logits) override {
    std::vector<CachedSequence*> sequences;
    for (BackendSequence* row : rows) sequences.push_back(static_cast<CachedSequence*>(row));
    const absl::Status status = decode_.Step(sequences, tokens, logits);
    for (CachedSequence* row : sequences) row->failure.Update(status);
    const auto failed = std::ranges::find_if_not(sequences, [](auto* row) { return row->failure.ok(); });
    return failed == sequences.end() ? absl::OkStatus() : (*failed)->failure;
  }

  void SetProbe(AttentionProbe* probe) override { decode_.SetProbe(probe); }
  size_t scratch_bytes() const override {
    return memory_->peak_bytes(DevicePurpose::kScratch) + memory_->peak_bytes(DevicePurpose::kScores) +
           host_scratch_bytes_;
  }
  size_t cache_bytes_peak() const override { return ledger_.peak_bytes(); }
  std::map<std::string, size_t> device_bytes_peak() const override { return memory_->PeakBytes(); }

 private:
  DeviceStream stream_;
  std::unique_ptr<DeviceLedger> memory_;
  DeviceModel model_;
  DevicePages pages_;
  PageLedger ledger_;
  DeviceTransformer transformer_;
  DeviceDecode decode_;
  size_t host_scratch_bytes_ = 0;
};

// Tensor cores take whole columns of kTensorColumns.
bool FitsTensorCores(const ModelConfig& config) {
  return config.hidden % kTensorColumns == 0 &&
         config.ffn % kTensorColumns == 0;  // and so do heads' dimensions
}

bool HasKernels(KvType type) {
  return WithKvElement(type, [](auto) { return cudaSuccess; }) == cudaSuccess;
}

}  // namespace

absl::Status CheckCudaDevice() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) return absl::OkStatus();
  return absl::UnavailableError("no CUDA device was found");
}

absl::StatusOr<std::string> CudaDeviceBusId() {
#if defined(KVSCOPE_DEVICE_EMULATED)
  return absl::UnavailableError("the device is emulated");
#else
  char bus_id[32] = {};
  int device = 0;
  RETURN_IF_CUDA_ERROR(cudaGetDevice(&device));
  RETURN_IF_CUDA_ERROR(cudaDeviceGetPCIBusId(bus_id, sizeof(bus_id), device));
  return std::string(bus_id);
#endif
}

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(std::shared_ptr<const Model> model,
                                                         Precision precision, KvType kv_type,
                                                         size_t cache_bytes) {
  RETURN_IF_ERROR(CheckCudaDevice());
  const size_t head_dim = model->config.head_dim;
  if (!IsDeviceHeadDim(static_cast<unsigned>(head_dim))) {
    return absl::UnimplementedError(
        fmt::format("{}: head_dim: expected 8 times a power of two, at most {}, found {}", model->path,
                    kMaxDeviceHeadDim, head_dim));
  }
  if (!HasKernels(kv_type)) {
    return absl::UnimplementedError(fmt::format("caches of {} are not there on a device", Name(kv_type)));
  }
  if (precision == Precision::kBF16 && !FitsTensorCores(model->config)) {
    return absl::UnimplementedError(
        fmt::format("{}: --precision bf16 on a device: expected sizes that are multiples of "
                    "{}, found hidden {} and ffn {}",
                    model->path, kTensorColumns, model->config.hidden, model->config.ffn));
  }
  DeviceStream stream;
  RETURN_IF_ERROR(stream.Create());
  auto memory = std::make_unique<DeviceLedger>();
  try {
    ASSIGN_OR_RETURN(DeviceModel loaded, DeviceModel::Load(std::move(model), *memory, stream.get()));
    return std::make_unique<CudaBackend>(std::move(stream), std::move(memory), std::move(loaded), precision,
                                         kv_type, cache_bytes);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while weights are copied to the device");
  }
}

}  // namespace kvscope
