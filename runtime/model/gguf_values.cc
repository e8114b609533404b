// Typed reading of GGUF metadata.
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/gguf.h"

namespace kvscope {
namespace {

std::optional<uint32_t> Convert(const GgufValue& value, std::type_identity<uint32_t>) {
  const auto* number = std::get_if<uint64_t>(&value);
  const auto* signed_number = std::get_if<int64_t>(&value);
  if (number != nullptr && std::in_range<uint32_t>(*number)) return static_cast<uint32_t>(*number);
  if (signed_number != nullptr && std::in_range<uint32_t>(*signed_number))
    return static_cast<uint32_t>(*signed_number);
  return std::nullopt;
}

std::optional<float> Convert(const GgufValue& value, std::type_identity<float>) {
  const auto* number = std::get_if<double>(&value);
  if (number == nullptr) return std::nullopt;
  return static_cast<float>(*number);
}

std::optional<bool> Convert(const GgufValue& value, std::type_identity<bool>) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return std::nullopt;
  return *flag;
}

std::optional<std::string_view> Convert(const GgufValue& value, std::type_identity<std::string_view>) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return std::nullopt;
  return *text;
}

std::optional<std::vector<std::string_view>> Convert(const GgufValue& value,
                                                     std::type_identity<std::vector<std::string_view>>) {
  const auto* array = std::get_if<GgufArray>(&value);
  if (array == nullptr || array->type != GgufType::kString) return std::nullopt;
  ByteReader reader(array->bytes, "");
  std::vector<std::string_view> strings;
  strings.reserve(array->count);
  for (uint64_t i = 0; i < array->count; ++i) {
    const auto text = reader.String("");
    if (!text.ok()) return std::nullopt;
    strings.push_back(*text);
  }
  return strings;
}

template <typename Stored>
std::vector<int64_t> Widen(const GgufArray& array) {
  std::vector<int64_t> widened(array.count);
  for (uint64_t i = 0; i < array.count; ++i) {
    Stored element;
    std::memcpy(&element, array.bytes.data() + i * sizeof(Stored), sizeof(Stored));
    widened[i] = element;
  }
  return widened;
}

// Arrays of 32-bit integers only: what tokenizers' arrays are.
std::optional<std::vector<int64_t>> Convert(const GgufValue& value,
                                            std::type_identity<std::vector<int64_t>>) {
  const auto* array = std::get_if<GgufArray>(&value);
  if (array == nullptr) return std::nullopt;
  if (array->type == GgufType::kInt32) return Widen<int32_t>(*array);
  if (array->type == GgufType::kUint32) return Widen<uint32_t>(*array);
  return std::nullopt;
}

template <typename T>
constexpr std::string_view kTypeName = "";
template <>
constexpr std::string_view kTypeName<uint32_t> = "an integer below 2^32";
template <>
constexpr std::string_view kTypeName<float> = "a floating-point number";
template <>
constexpr std::string_view kTypeName<bool> = "a boolean";
template <>
constexpr std::string_view kTypeName<std::string_view> = "a string";
template <>
constexpr std::string_view kTypeName<std::vector<std::string_view>> = "an array of strings";
template <>
constexpr std::string_view kTypeName<std::vector<int64_t>> = "an array of 32-bit integers";

std::string Describe(const GgufValue& value) {
  if (const auto* array = std::get_if<GgufArray>(&value))
    return fmt::format("an array of {} values of type {}", array->count, static_cast<uint32_t>(array->type));
  if (const auto* text = std::get_if<std::string_view>(&value))
    return fmt::format("a string of {} bytes", text->size());
  if (const auto* number = std::get_if<uint64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return std::get<bool>(value) ? "true" : "false";
}

}  // namespace

template <typename T>
absl::StatusOr<std::optional<T>> Gguf::Find(std::string_view key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::optional<T>();
  std::optional<T> converted = Convert(found->second, std::type_identity<T>());
  if (!converted)
    return absl::DataLossError(fmt::format("{}: metadata {}: expected {}, found {}", name_, key, kTypeName<T>,
                                           Describe(found->second)));
  return converted;
}

template <typename T>
absl::StatusOr<T> Gguf::Get(std::string_view key) const {
  ASSIGN_OR_RETURN(std::optional<T> value, Find<T>(key));
  if (!value)
    return absl::DataLossError(
        fmt::format("{}: metadata {}: expected {}, found no such key", name_, key, kTypeName<T>));
  return *std::move(value);
}

template <typename T>
absl::StatusOr<T> Gguf::GetOr(std::string_view key, T fallback) const {
  ASSIGN_OR_RETURN(std::optional<T> value, Find<T>(key));
  return value ? *std::move(value) : std::move(fallback);
}

#define KVSCOPE_INSTANTIATE(T)                                                  \
  template absl::StatusOr<std::optional<T>> Gguf::Find(std::string_view) const; \
  template absl::StatusOr<T> Gguf::Get(std::string_view) const;                 \
  template absl::StatusOr<T> Gguf::GetOr(std::string_view, T) const;
KVSCOPE_INSTANTIATE(uint32_t)
KVSCOPE_INSTANTIATE(float)
KVSCOPE_INSTANTIATE(bool)
KVSCOPE_INSTANTIATE(std::string_view)
KVSCOPE_INSTANTIATE(std::vector<std::string_view>)
KVSCOPE_INSTANTIATE(std::vector<int64_t>)
#undef KVSCOPE_INSTANTIATE

}  // namespace kvscope
