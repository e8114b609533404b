#include "eval/run/run_request.h"

#include <string_view>

#include "eval/run/device.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kMaxBatch = 1024;

absl::Status CheckRange(std::string_view flag, int value, int low, int high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: expected {} to {}, found {}", flag, low, high, value));
}

absl::Status NotBuilt(std::string_view flag, std::string_view value, std::string_view known) {
  return absl::UnimplementedError(
      fmt::format("{} {}: this version of kvscope has {} only", flag, value, known));
}

}  // namespace

absl::Status CheckRequest(const RunRequest& request) {
  if (request.length.empty() == (request.questions == 0))
    return absl::InvalidArgumentError("give the prompts' size by one of --length and --questions");
  if (request.filler != 0 && request.task != "arith+")
    return absl::InvalidArgumentError(
        fmt::format("--filler: expected 0 for a task other than arith+, found {}", request.filler));
  if (request.timing && request.batch > 1)
    return absl::InvalidArgumentError(
        fmt::format("--timing runs samples alone: --batch: expected 1, found {}", request.batch));
  RETURN_IF_ERROR(CheckRange("--threads", request.threads, 0, kMaxThreads));
  RETURN_IF_ERROR(CheckRange("--batch", request.batch, 1, kMaxBatch));
  if (request.kv == "int4") return NotBuilt("--kv", request.kv, "f32, f16, bf16 and int8");
  RETURN_IF_ERROR(CheckDevice(request.device));
  if (request.device != "cpu" && request.kv == "int8")
    return NotBuilt("--kv", "int8 on a device", "f32, f16 and bf16");
  if (request.device == "emulated" && request.timing)
    return absl::InvalidArgumentError("--timing: times under --device emulated say nothing of a GPU");
  return absl::OkStatus();
}

}  // namespace kvscope
