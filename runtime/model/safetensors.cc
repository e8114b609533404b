#include "runtime/model/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "runtime/json_fields.h"
#include "runtime/model/byte_reader.h"

namespace kvscope {
namespace {

struct Extent {
  uint64_t begin;  // from the end of the header
  uint64_t end;
  StoredTensor tensor;
  std::string name;
};

absl::StatusOr<DType> DTypeOf(const nlohmann::json& json, const std::string& where) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    if (json == Name(dtype)) return dtype;
  const std::string message =
      fmt::format("{}: dtype: expected F32, F16 or BF16, found {}", where, Describe(json));
  if (!json.is_string()) return absl::DataLossError(message);
  return absl::UnimplementedError(message);
}

absl::StatusOr<std::vector<uint64_t>> Integers(const nlohmann::json& entry, const char* key,
                                               const std::string& where) {
  const nlohmann::json& list = Member(entry, key);
  const auto is_size = [](const nlohmann::json& value) { return NonNegative(value).has_value(); };
  if (!list.is_array() || !std::ranges::all_of(list, is_size))
    return absl::DataLossError(
        fmt::format("{}: {}: expected a list of integers from 0, found {}", where, key, Describe(list)));
  return list.get<std::vector<uint64_t>>();
}

absl::StatusOr<Extent> ParseEntry(const std::string& name, const nlohmann::json& entry,
                                  const std::string& where) {
  if (!entry.is_object())
    return absl::DataLossError(fmt::format("{}: expected an object, found {}", where, Describe(entry)));
  Extent extent{.begin = 0, .end = 0, .tensor = {}, .name = name};
  ASSIGN_OR_RETURN(extent.tensor.dtype, DTypeOf(Member(entry, "dtype"), where));
  ASSIGN_OR_RETURN(extent.tensor.shape, Integers(entry, "shape", where));
  ASSIGN_OR_RETURN(const auto offsets, Integers(entry, "data_offsets", where));
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return absl::DataLossError(
        fmt::format("{}: data_offsets: expected a begin and an end not before it, found {}", where, offsets));
  extent.begin = offsets[0];
  extent.end = offsets[1];
  if (TensorBytes(extent.tensor.dtype, extent.tensor.shape) != extent.end - extent.begin)
    return absl::DataLossError(fmt::format("{}: data_offsets: expected the bytes of {} {}, found {}", where,
                                           Name(extent.tensor.dtype), extent.tensor.shape,
                                           extent.end - extent.begin));
  return extent;
}

}  // namespace

absl::StatusOr<TensorMap> ParseSafetensors(std::span<const std::byte> bytes, const std::string& name) {
  ByteReader reader(bytes, name);
  ASSIGN_OR_RETURN(const std::string_view header_text, reader.String("header"));
  ASSIGN_OR_RETURN(const nlohmann::json header, ParseJson(header_text, name + ": header"));
  if (!header.is_object())
    return absl::DataLossError(
        fmt::format("{}: header: expected a JSON object, found {}", name, header.type_name()));
  std::vector<Extent> extents;
  for (const auto& [tensor, entry] : header.items()) {
    if (tensor == "__metadata__") continue;
    ASSIGN_OR_RETURN(Extent extent, ParseEntry(tensor, entry, fmt::format("{}: tensor {}", name, tensor)));
    extents.push_back(std::move(extent));
  }
  // By end as well: an empty tensor lies before the one that begins where it does.
  std::ranges::sort(extents, {}, [](const Extent& e) { return std::pair(e.begin, e.end); });
  TensorMap tensors;
  for (Extent& extent : extents) {
    const uint64_t position = reader.offset() - (sizeof(uint64_t) + header_text.size());
    if (extent.begin != position)
      return absl::DataLossError(fmt::format(
          "{}: tensor {}: data_offsets: expected to begin at {}, where the tensor before it ends, found {}",
          name, extent.name, position, extent.begin));
    ASSIGN_OR_RETURN(const auto data, reader.Bytes(extent.end - extent.begin, "tensor " + extent.name));
    extent.tensor.data = data.data();
    tensors.emplace(std::move(extent.name), std::move(extent.tensor));
  }
  if (reader.left() != 0)
    return absl::DataLossError(
        fmt::format("{}: expected to end with its last tensor, found {} bytes more", name, reader.left()));
  return tensors;
}

}  // namespace kvscope
