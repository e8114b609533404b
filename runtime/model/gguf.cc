#include "runtime/model/gguf.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/status_macros.h"
#include "runtime/model/byte_reader.h"

namespace kvscope {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr uint32_t kDefaultAlignment = 32;
constexpr uint32_t kMaxAlignment = 1u << 20;
constexpr uint32_t kMaxDimensions = 4;
// Least bytes of a metadata entry (length of an empty key, type, one-byte value) and of a tensor's entry
// (length of an empty name, one dimension, type, offset): what bounds their counts.
constexpr uint64_t kLeastMetadataBytes = 8 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

// Bytes of a number of that type; 0 for strings, arrays and types that do not exist.
size_t ScalarBytes(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

// ggml's numbers of the element types that files may hold.
struct ElementType {
  uint32_t number;
  std::string_view name;
  std::optional<DType> dtype;  // nothing: not supported
};
constexpr ElementType kElementTypes[] = {
    {0, "F32", DType::kF32},      {1, "F16", DType::kF16},    {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},    {6, "Q5_0", std::nullopt},  {7, "Q5_1", std::nullopt},
    {8, "Q8_0", DType::kQ8_0},    {9, "Q8_1", std::nullopt},  {10, "Q2_K", std::nullopt},
    {11, "Q3_K", std::nullopt},   {12, "Q4_K", std::nullopt}, {13, "Q5_K", std::nullopt},
    {14, "Q6_K", std::nullopt},   {15, "Q8_K", std::nullopt}, {20, "IQ4_NL", std::nullopt},
    {23, "IQ4_XS", std::nullopt}, {30, "BF16", DType::kBF16},
};

absl::StatusOr<DType> DTypeOf(uint32_t number, const std::string& where) {
  const auto* found = std::ranges::find(kElementTypes, number, &ElementType::number);
  const bool known = found != std::end(kElementTypes);
  if (known && found->dtype) return *found->dtype;
  return absl::UnimplementedError(
      fmt::format("{}: element type: expected F32, F16, BF16, Q8_0, Q4_0 or Q4_1, found {}", where,
                  known ? std::string(found->name) : fmt::format("number {}", number)));
}

}  // namespace

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)), reader_(bytes, name_) {
    gguf_.name_ = name_;
  }

  absl::StatusOr<Gguf> Parse() {
    RETURN_IF_ERROR(ParseHeader());
    for (uint64_t i = 0; i < metadata_count_; ++i) RETURN_IF_ERROR(ParseMetadata());
    for (uint64_t i = 0; i < tensor_count_; ++i) RETURN_IF_ERROR(ParseTensor());
    RETURN_IF_ERROR(PlaceTensors());
    return std::move(gguf_);
  }

 private:
  struct Extent {
    uint64_t offset;  // from the start of the tensors' bytes
    uint64_t bytes;
    StoredTensor* tensor;  // in gguf_.tensors_, whose nodes stay where they are
    const std::string* name;
  };

  absl::Status ParseHeader() {
    ASSIGN_OR_RETURN(const auto magic, reader_.Bytes(kMagic.size(), "magic"));
    if (!std::ranges::equal(magic, std::as_bytes(std::span(kMagic))))
      return absl::DataLossError(fmt::format("{}: magic: expected \"GGUF\", found other bytes", name_));
    ASSIGN_OR_RETURN(const auto version, reader_.Value<uint32_t>("version"));
    if (version != 2 && version != 3)
      return absl::UnimplementedError(
          fmt::format("{}: version: expected 2 or 3, little-endian, found {:#x}", name_, version));
    ASSIGN_OR_RETURN(tensor_count_, reader_.Value<uint64_t>("tensor count"));
    ASSIGN_OR_RETURN(metadata_count_, reader_.Value<uint64_t>("metadata count"));
    RETURN_IF_ERROR(CheckCount("tensor count", tensor_count_, kLeastTensorBytes));
    return CheckCount("metadata count", metadata_count_, kLeastMetadataBytes);
  }

  absl::Status CheckCount(std::string_view field, uint64_t count, uint64_t least_bytes) const {
    if (count <= reader_.left() / least_bytes) return absl::OkStatus();
    return absl::DataLossError(fmt::format("{}: {}: expected at most {} in the {} bytes left, found {}",
                                           name_, field, reader_.left() / least_bytes, reader_.left(),
                                           count));
  }

  absl::Status ParseMetadata() {
    ASSIGN_OR_RETURN(const auto key_view, reader_.String("metadata key"));
    const std::string key(key_view);
    ASSIGN_OR_RETURN(const auto type, reader_.Value<uint32_t>(key));
    ASSIGN_OR_RETURN(GgufValue value, ParseValue(static_cast<GgufType>(type), key));
    if (!gguf_.metadata_.emplace(key, value).second)
      return absl::DataLossError(fmt::format("{}: metadata {}: expected once, found twice", name_, key));
    return absl::OkStatus();
  }

  template <typename Stored, typename Widened>
  absl::StatusOr<GgufValue> ParseScalar(const std::string& key) {
    ASSIGN_OR_RETURN(const auto value, reader_.Value<Stored>(key));
    return GgufValue(static_cast<Widened>(value));
  }

  absl::StatusOr<GgufValue> ParseValue(GgufType type, const std::string& key) {
    switch (type) {
      case GgufType::kUint8:
        return ParseScalar<uint8_t, uint64_t>(key);
      case GgufType::kInt8:
        return ParseScalar<int8_t, int64_t>(key);
      case GgufType::kUint16:
        return ParseScalar<uint16_t, uint64_t>(key);
      case GgufType::kInt16:
        return ParseScalar<int16_t, int64_t>(key);
      case GgufType::kUint32:
        return ParseScalar<uint32_t, uint64_t>(key);
      case GgufType::kInt32:
        return ParseScalar<int32_t, int64_t>(key);
      case GgufType::kFloat32:
        return ParseScalar<float, double>(key);
      case GgufType::kBool:
        return ParseBool(key);
      case GgufType::kString: {
        ASSIGN_OR_RETURN(const auto value, reader_.String(key));
        return GgufValue(value);
      }
      case GgufType::kArray:
        return ParseArray(key);
      case GgufType::kUint64:
        return ParseScalar<uint64_t, uint64_t>(key);
      case GgufType::kInt64:
        return ParseScalar<int64_t, int64_t>(key);
      case GgufType::kFloat64:
        return ParseScalar<double, double>(key);
    }
    return absl::DataLossError(fmt::format("{}: metadata {}: value type: expected 0 to 12, found {}", name_,
                                           key, static_cast<uint32_t>(type)));
  }

  absl::StatusOr<GgufValue> ParseBool(const std::string& key) {
    ASSIGN_OR_RETURN(const auto value, reader_.Value<uint8_t>(key));
    if (value > 1)
      return absl::DataLossError(
          fmt::format("{}: metadata {}: expected a boolean, 0 or 1, found {}", name_, key, value));
    return GgufValue(value == 1);
  }

  absl::StatusOr<GgufValue> ParseArray(const std::string& key) {
    GgufArray array;
    ASSIGN_OR_RETURN(const auto type, reader_.Value<uint32_t>(key));
    array.type = static_cast<GgufType>(type);
    ASSIGN_OR_RETURN(array.count, reader_.Value<uint64_t>(key));
    const size_t begin = reader_.offset();
    if (array.type == GgufType::kString) {
      RETURN_IF_ERROR(CheckCount(key, array.count, sizeof(uint64_t)));
      for (uint64_t i = 0; i < array.count; ++i) RETURN_IF_ERROR(reader_.String(key).status());
    } else if (const size_t element_bytes = ScalarBytes(array.type); element_bytes > 0) {
      RETURN_IF_ERROR(CheckCount(key, array.count, element_bytes));
      RETURN_IF_ERROR(reader_.Bytes(array.count * element_bytes, key).status());
    } else {
      return absl::DataLossError(fmt::format(
          "{}: metadata {}: element type: expected numbers or strings, found {}", name_, key, type));
    }
    array.bytes = bytes_.subspan(begin, reader_.offset() - begin);
    return GgufValue(array);
  }

  absl::Status ParseTensor() {
    ASSIGN_OR_RETURN(const auto name_view, reader_.String("tensor name"));
    const std::string name(name_view);
    const std::string where = fmt::format("{}: tensor {}", name_, name);
    ASSIGN_OR_RETURN(const auto dimensions, reader_.Value<uint32_t>("tensor dimensions"));
    if (dimensions < 1 || dimensions > kMaxDimensions)
      return absl::DataLossError(
          fmt::format("{}: dimensions: expected 1 to {}, found {}", where, kMaxDimensions, dimensions));
    StoredTensor tensor;
    for (uint32_t d = 0; d < dimensions; ++d) {
      ASSIGN_OR_RETURN(const auto size, reader_.Value<uint64_t>("tensor shape"));
      if (size == 0)
        return absl::DataLossError(fmt::format("{}: dimension {}: expected at least 1, found 0", where, d));
      tensor.shape.insert(tensor.shape.begin(), size);  // stored innermost first
    }
    ASSIGN_OR_RETURN(const auto type, reader_.Value<uint32_t>("tensor element type"));
    ASSIGN_OR_RETURN(tensor.dtype, DTypeOf(type, where));
    ASSIGN_OR_RETURN(const auto offset, reader_.Value<uint64_t>("tensor offset"));
    const std::optional<uint64_t> bytes = TensorBytes(tensor.dtype, tensor.shape);
    if (!bytes)
      return absl::DataLossError(
          fmt::format("{}: shape: expected whole {} blocks of {} and a size below 2^64, found {}", where,
                      Name(tensor.dtype), BlockElements(tensor.dtype), tensor.shape));
    const auto [entry, inserted] = gguf_.tensors_.emplace(name, std::move(tensor));
    if (!inserted) return absl::DataLossError(fmt::format("{}: expected once, found twice", where));
    extents_.push_back({offset, *bytes, &entry->second, &entry->first});
    return absl::OkStatus();
  }

  absl::Status PlaceTensors() {
    if (extents_.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const uint32_t alignment, gguf_.GetOr<uint32_t>("general.alignment", kDefaultAlignment));
    // The format wants a multiple of 8; powers of two are what is written.
    if (!std::has_single_bit(alignment) || alignment < 8 || alignment > kMaxAlignment)
      return absl::DataLossError(
          fmt::format("{}: metadata general.alignment: expected a power of two from 8 to {}, found {}", name_,
                      kMaxAlignment, alignment));
    const uint64_t padding = (alignment - reader_.offset() % alignment) % alignment;
    RETURN_IF_ERROR(reader_.Bytes(padding, "padding before the tensors").status());
    const auto data = bytes_.subspan(reader_.offset());
    std::ranges::sort(extents_, {}, &Extent::offset);
    uint64_t end = 0;
    for (const Extent& extent : extents_) {
      const std::string where = fmt::format("{}: tensor {}", name_, *extent.name);
      if (extent.offset % alignment != 0)
        return absl::DataLossError(
            fmt::format("{}: offset: expected a multiple of {}, found {}", where, alignment, extent.offset));
      if (extent.offset < end)
        return absl::DataLossError(
            fmt::format("{}: offset: expected at least {}, where the tensor before it ends, found {}", where,
                        end, extent.offset));
      if (extent.offset > data.size() || extent.bytes > data.size() - extent.offset)
        return absl::DataLossError(
            fmt::format("{}: expected {} bytes at offset {}, found {} bytes of tensors in all", where,
                        extent.bytes, extent.offset, data.size()));
      extent.tensor->data = data.data() + extent.offset;
      end = extent.offset + extent.bytes;
    }
    return absl::OkStatus();
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  ByteReader reader_;
  uint64_t tensor_count_ = 0;
  uint64_t metadata_count_ = 0;
  std::vector<Extent> extents_;
  Gguf gguf_;
};

absl::StatusOr<Gguf> Gguf::Parse(std::span<const std::byte> bytes, std::string name) {
  return GgufParser(bytes, std::move(name)).Parse();
}

}  // namespace kvscope
