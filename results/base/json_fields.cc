#include "results/base/json_fields.h"

#include <algorithm>
#include <limits>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr size_t kMaxShownBytes = 80;

std::string Shown(const json* value) {
  if (value == nullptr) return "nothing";
  std::string text = DumpJson(*value);
  if (text.size() > kMaxShownBytes) text = text.substr(0, kMaxShownBytes) + "...";
  return text;
}

bool IsInt(const json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= std::numeric_limits<int>::max();
  return value.is_number_integer() && value.get<int64_t>() >= std::numeric_limits<int>::min() &&
         value.get<int64_t>() <= std::numeric_limits<int>::max();
}

}  // namespace

const json* JsonFields::Find(const char* name) const {
  if (!object_.is_object()) return nullptr;
  const auto field = object_.find(name);
  return field == object_.end() ? nullptr : &*field;
}

bool JsonFields::Has(const char* name) const {
  const json* field = Find(name);
  return field != nullptr && !field->is_null();
}

std::string JsonFields::Nested(const char* name) const { return fmt::format("{}: {}", where_, name); }

absl::Status JsonFields::Error(const char* name, std::string_view expected) const {
  return absl::DataLossError(
      fmt::format("{}: field '{}': expected {}, found {}", where_, name, expected, Shown(Find(name))));
}

absl::Status JsonFields::CheckIsObject() const {
  if (object_.is_object()) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{}: expected an object, found {}", where_, Shown(&object_)));
}

absl::Status JsonFields::CheckKnown(std::initializer_list<std::string_view> known) const {
  RETURN_IF_ERROR(CheckIsObject());
  for (const auto& [key, value] : object_.items())
    if (std::ranges::find(known, key) == known.end())
      return absl::DataLossError(fmt::format("{}: field '{}': expected one of {}, found an unknown field",
                                             where_, key, fmt::join(known, ", ")));
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, std::string& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_string()) return Error(name, "a string");
  out = field->get<std::string>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, bool& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_boolean()) return Error(name, "true or false");
  out = field->get<bool>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, double& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_number()) return Error(name, "a number");
  out = field->get<double>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, int& out) const {
  const json* field = Find(name);
  if (field == nullptr || !IsInt(*field)) return Error(name, "an integer of 32 bits");
  out = field->get<int>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, uint64_t& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_number_unsigned()) return Error(name, "an integer from 0");
  out = field->get<uint64_t>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, std::vector<int>& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_array()) return Error(name, "an array of integers");
  out.clear();
  for (const json& element : *field) {
    if (!IsInt(element)) return Error(name, "an array of integers of 32 bits");
    out.push_back(element.get<int>());
  }
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, std::vector<int64_t>& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_array()) return Error(name, "an array of integers");
  out.clear();
  for (const json& element : *field) {
    const bool fits = !element.is_number_unsigned() ||
                      element.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
    if (!element.is_number_integer() || !fits) return Error(name, "an array of integers of 64 bits");
    out.push_back(element.get<int64_t>());
  }
  return absl::OkStatus();
}

absl::Status JsonFields::Read(const char* name, std::vector<std::string>& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_array()) return Error(name, "an array of strings");
  out.clear();
  for (const json& element : *field) {
    if (!element.is_string()) return Error(name, "an array of strings");
    out.push_back(element.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status JsonFields::ReadObject(const char* name, json& out) const {
  const json* field = Find(name);
  if (field == nullptr || !field->is_object()) return Error(name, "an object");
  out = *field;
  return absl::OkStatus();
}

}  // namespace kvscope
