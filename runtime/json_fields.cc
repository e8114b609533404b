#include "runtime/json_fields.h"

#include <limits>
#include <type_traits>

#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr size_t kLongestDescription = 80;

std::optional<uint32_t> Convert(const nlohmann::json& value, std::type_identity<uint32_t>) {
  const std::optional<uint64_t> number = NonNegative(value);
  if (!number || *number > std::numeric_limits<uint32_t>::max()) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

std::optional<float> Convert(const nlohmann::json& value, std::type_identity<float>) {
  if (!value.is_number()) return std::nullopt;
  return static_cast<float>(value.get<double>());
}

std::optional<bool> Convert(const nlohmann::json& value, std::type_identity<bool>) {
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

std::optional<std::string> Convert(const nlohmann::json& value, std::type_identity<std::string>) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

template <typename T>
constexpr std::string_view kTypeName = "";
template <>
constexpr std::string_view kTypeName<uint32_t> = "an integer from 0 below 2^32";
template <>
constexpr std::string_view kTypeName<float> = "a number";
template <>
constexpr std::string_view kTypeName<bool> = "a boolean";
template <>
constexpr std::string_view kTypeName<std::string> = "a string";

}  // namespace

std::string Describe(const nlohmann::json& value) {
  if (value.is_structured()) return fmt::format("an {} of {}", value.type_name(), value.size());
  std::string text = DumpJson(value);
  if (text.size() > kLongestDescription) text = text.substr(0, kLongestDescription) + "...";
  return text;
}

std::optional<uint64_t> NonNegative(const nlohmann::json& value) {
  // Parsed integers from 0 are unsigned; those a program puts in may be signed.
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_number_integer() && value.get<int64_t>() >= 0) return value.get<uint64_t>();
  return std::nullopt;
}

const nlohmann::json& Member(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

template <typename T>
absl::StatusOr<std::optional<T>> FindField(const nlohmann::json& object, std::string_view key,
                                           std::string_view where) {
  if (!object.is_object())
    return absl::DataLossError(fmt::format("{}: expected an object, found {}", where, Describe(object)));
  const nlohmann::json& value = Member(object, key);
  if (value.is_null()) return std::optional<T>();
  std::optional<T> converted = Convert(value, std::type_identity<T>());
  if (!converted)
    return absl::DataLossError(
        fmt::format("{}: {}: expected {}, found {}", where, key, kTypeName<T>, Describe(value)));
  return converted;
}

template <typename T>
absl::StatusOr<T> GetField(const nlohmann::json& object, std::string_view key, std::string_view where) {
  ASSIGN_OR_RETURN(std::optional<T> value, FindField<T>(object, key, where));
  if (!value)
    return absl::DataLossError(fmt::format("{}: {}: expected {}, found nothing", where, key, kTypeName<T>));
  return *std::move(value);
}

template <typename T>
absl::StatusOr<T> GetFieldOr(const nlohmann::json& object, std::string_view key, T fallback,
                             std::string_view where) {
  ASSIGN_OR_RETURN(std::optional<T> value, FindField<T>(object, key, where));
  return value ? *std::move(value) : std::move(fallback);
}

#define KVSCOPE_INSTANTIATE(T)                                                                    \
  template absl::StatusOr<std::optional<T>> FindField(const nlohmann::json&, std::string_view,    \
                                                      std::string_view);                          \
  template absl::StatusOr<T> GetField(const nlohmann::json&, std::string_view, std::string_view); \
  template absl::StatusOr<T> GetFieldOr(const nlohmann::json&, std::string_view, T, std::string_view);
KVSCOPE_INSTANTIATE(uint32_t)
KVSCOPE_INSTANTIATE(float)
KVSCOPE_INSTANTIATE(bool)
KVSCOPE_INSTANTIATE(std::string)
#undef KVSCOPE_INSTANTIATE

}  // namespace kvscope
