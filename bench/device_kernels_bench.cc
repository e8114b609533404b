// Device kernels alone, by CUDA events, in a build with nvcc: hot, in a loop, and cold, with the second-level
// cache full of other data. Rates are counters: bytes that the kernel must read, a second. The first run of
// each is not counted. On a machine without a GPU all are skipped.
#include <benchmark/benchmark.h>
#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/matmul.h"
#include "kernels/cuda/select.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/cuda/device_memory.h"
#include "runtime/cuda/device_timer.h"

namespace kvscope {
namespace {

enum Cache : int64_t { kHot, kCold };

// A device, and arrays in its memory that are freed with it.
class Device {
 public:
  absl::Status Create() {
    RETURN_IF_ERROR(CheckCudaDevice());
    RETURN_IF_ERROR(stream_.Create());
    RETURN_IF_CUDA_ERROR(cudaDeviceGetAttribute(&l2_bytes_, cudaDevAttrL2CacheSize, 0));
    flush_.Resize(FlushBytes());
    return absl::OkStatus();
  }

  // Each byte of `buffer` is `byte`.
  template <class T>
  absl::Status Fill(DeviceBuffer<T>& buffer, size_t size, int byte) {
    buffer.Resize(size);
    RETURN_IF_CUDA_ERROR(cudaMemsetAsync(buffer.data(), byte, size * sizeof(T), stream_.get()));
    return absl::OkStatus();
  }

  // Seconds of one launch.
  absl::StatusOr<double> Time(Cache cache, const std::function<cudaError_t(cudaStream_t)>& launch) {
    if (cache == kCold) RETURN_IF_ERROR(Fill(flush_, FlushBytes(), 1));
    timer_.Restart();
    RETURN_IF_ERROR(timer_.Start(stream_.get()));
    RETURN_IF_CUDA_ERROR(launch(stream_.get()));
    RETURN_IF_ERROR(timer_.Stop(stream_.get()));
    RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream_.get()));
    return timer_.Seconds();
  }

  cudaStream_t stream() const { return stream_.get(); }

  template <class T>
  DeviceBuffer<T> Buffer() {
    return DeviceBuffer<T>(ledger_, DevicePurpose::kScratch);
  }

 private:
  size_t FlushBytes() const { return 2 * static_cast<size_t>(l2_bytes_); }

  DeviceLedger ledger_;
  DeviceStream stream_;
  DeviceTimer timer_;
  int l2_bytes_ = 0;
  DeviceBuffer<std::byte> flush_{ledger_, DevicePurpose::kScratch};
};

// `bytes`: that each launch must read.
absl::Status Measure(benchmark::State& state, Device& device, size_t bytes,
                     const std::function<cudaError_t(cudaStream_t)>& launch) {
  const auto cache = static_cast<Cache>(state.range(0));
  RETURN_IF_ERROR(device.Time(cache, launch).status());  // warm-up
  for (auto _ : state) {
    ASSIGN_OR_RETURN(const double seconds, device.Time(cache, launch));
    state.SetIterationTime(seconds);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * static_cast<int64_t>(state.iterations()));
  return absl::OkStatus();
}

// One token's product with a matrix of bfloat16.
absl::Status MatMul(benchmark::State& state) {
  const auto rows = static_cast<size_t>(state.range(1)), columns = static_cast<size_t>(state.range(2));
  Device device;
  RETURN_IF_ERROR(device.Create());
  auto weights = device.Buffer<uint16_t>();
  auto x = device.Buffer<float>(), y = device.Buffer<float>();
  RETURN_IF_ERROR(device.Fill(weights, rows * columns, 0x3c));
  RETURN_IF_ERROR(device.Fill(x, columns, 0x3c));
  y.Resize(rows);
  const WeightMatrix w{DType::kBF16, rows, columns, reinterpret_cast<const std::byte*>(weights.data())};
  return Measure(state, device, rows * columns * sizeof(uint16_t),
                 [&](cudaStream_t stream) { return MatMulOnDevice(w, x.data(), 1, y.data(), stream); });
}

// The usual selection of a step: the worst slot of each of `heads` heads.
absl::Status WorstSlots(benchmark::State& state) {
  const auto heads = static_cast<size_t>(state.range(1)), slots = static_cast<size_t>(state.range(2));
  Device device;
  RETURN_IF_ERROR(device.Create());
  auto scores = device.Buffer<float>();
  auto worst = device.Buffer<int>();
  auto items = device.Buffer<SelectItem>();
  RETURN_IF_ERROR(device.Fill(scores, heads * slots, 0x3c));
  worst.Resize(heads);
  std::vector<SelectItem> list;
  for (size_t head = 0; head < heads; ++head) {
    list.push_back({.scores = scores.data() + head * slots,
                    .ranks = nullptr,
                    .slots = static_cast<unsigned>(slots),
                    .first_rank = 0,
                    .end_rank = static_cast<int>(slots)});
  }
  RETURN_IF_ERROR(items.Upload(list, device.stream()));
  return Measure(state, device, heads * slots * sizeof(float), [&](cudaStream_t stream) {
    return WorstSlotsOnDevice(items.data(), heads, worst.data(), stream);
  });
}

template <auto kMeasure>
void OrSkip(benchmark::State& state) {
  const absl::Status status = kMeasure(state);
  if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
}

BENCHMARK(OrSkip<MatMul>)
    ->Name("MatMul")
    ->ArgNames({"cold", "rows", "columns"})
    ->ArgsProduct({{kHot, kCold}, {4096, 14336}, {4096}})
    ->UseManualTime();
BENCHMARK(OrSkip<WorstSlots>)
    ->Name("WorstSlots")
    ->ArgNames({"cold", "heads", "slots"})
    ->ArgsProduct({{kHot, kCold}, {8, 256}, {8192}})
    ->UseManualTime();

}  // namespace
}  // namespace kvscope
