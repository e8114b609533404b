// Typed reading of JSON objects that came from outside: a field of another type is an error, never an
// exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// What `value` is, for a message: a scalar as it is written (cut when long), a container by its type and
// size.
std::string Describe(const nlohmann::json& value);

// The value of an integer from 0; nothing for any other value.
std::optional<uint64_t> NonNegative(const nlohmann::json& value);

// The field `key` of `object`; nothing where it is absent or null. T is one of uint32_t, float, bool,
// std::string. DataLoss naming `where` (file and path within it), key, expected and found when the value has
// another type or does not fit, or when `object` is none.
template <typename T>
absl::StatusOr<std::optional<T>> FindField(const nlohmann::json& object, std::string_view key,
                                           std::string_view where);

// The same; DataLoss where it is absent.
template <typename T>
absl::StatusOr<T> GetField(const nlohmann::json& object, std::string_view key, std::string_view where);

// The same; `fallback` where it is absent.
template <typename T>
absl::StatusOr<T> GetFieldOr(const nlohmann::json& object, std::string_view key, T fallback,
                             std::string_view where);

// The value under `key`, or null where it is absent or `object` is no object. Never copies.
const nlohmann::json& Member(const nlohmann::json& object, std::string_view key);

}  // namespace kvscope
