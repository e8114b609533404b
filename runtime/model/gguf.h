// GGUF, the single-file model format of ggml and llama.cpp: a header, typed metadata, a table of tensors, and
// the tensors' bytes at aligned offsets. Versions 2 and 3, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "runtime/model/stored_tensor.h"

namespace kvscope {

// Type numbers of metadata values, as stored.
enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Elements as stored, one after another. Strings carry their lengths, which the parser has checked.
struct GgufArray {
  GgufType type = GgufType::kUint8;
  uint64_t count = 0;
  std::span<const std::byte> bytes;
};

// Integers of every width are widened to 64 bits of their signedness, floats to double.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

class Gguf {
 public:
  // Strings and tensors point into `bytes`, which must outlive the object. `name` (the file) stands in
  // messages. Every count, length and offset is checked against the file before it is used. DataLoss: a file
  // that is cut, damaged, or contradicts itself (names used twice, tensors that overlap or leave the file).
  // Unimplemented: another version, byte order or element type.
  static absl::StatusOr<Gguf> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  const TensorMap& tensors() const { return tensors_; }

  // The value of a metadata key; nothing where there is none. T is one of uint32_t, float, bool,
  // std::string_view, std::vector<std::string_view>, std::vector<int64_t>. DataLoss naming file and key where
  // the value has another type or does not fit.
  template <typename T>
  absl::StatusOr<std::optional<T>> Find(std::string_view key) const;

  // The same; DataLoss where there is none.
  template <typename T>
  absl::StatusOr<T> Get(std::string_view key) const;

  // The same; `fallback` where there is none.
  template <typename T>
  absl::StatusOr<T> GetOr(std::string_view key, T fallback) const;

 private:
  friend class GgufParser;

  std::string name_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  TensorMap tensors_;
};

}  // namespace kvscope
