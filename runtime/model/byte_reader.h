// Reads little-endian values from the front of a block of bytes and never beyond its end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "fmt/format.h"

namespace kvscope {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

class ByteReader {
 public:
  // `name` (the file) stands in messages.
  ByteReader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  size_t offset() const { return offset_; }
  size_t left() const { return bytes_.size() - offset_; }

  // The next `count` bytes. DataLoss naming `field` where fewer are left.
  absl::StatusOr<std::span<const std::byte>> Bytes(uint64_t count, std::string_view field) {
    if (count > left())
      return absl::DataLossError(fmt::format("{}: {} at byte {}: expected {} more bytes, found {}", name_,
                                             field, offset_, count, left()));
    const auto bytes = bytes_.subspan(offset_, count);
    offset_ += count;
    return bytes;
  }

  template <typename T>
  absl::StatusOr<T> Value(std::string_view field) {
    auto bytes = Bytes(sizeof(T), field);
    if (!bytes.ok()) return bytes.status();
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

  // A length of 64 bits, then that many bytes.
  absl::StatusOr<std::string_view> String(std::string_view field) {
    const auto length = Value<uint64_t>(field);
    if (!length.ok()) return length.status();
    const auto bytes = Bytes(*length, field);
    if (!bytes.ok()) return bytes.status();
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t offset_ = 0;
};

}  // namespace kvscope
