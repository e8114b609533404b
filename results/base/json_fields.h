// Typed reading of one JSON object from outside: a missing field or a wrong type is an error that names the
// place, the field, what was expected and what was found. Fields that nobody reads are no error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "results/base/status_macros.h"

namespace kvscope {

class JsonFields {
 public:
  // `where` ("runs/a/samples.jsonl:3") stands in every message. REQUIRES: `object` outlives this.
  JsonFields(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

  // DataLoss unless the value is an object. Every Read below fails likewise on a value that is none.
  absl::Status CheckIsObject() const;

  // DataLoss naming a field that is none of `known`, for files where a misspelt name must not pass.
  absl::Status CheckKnown(std::initializer_list<std::string_view> known) const;

  absl::Status Read(const char* name, std::string& out) const;
  absl::Status Read(const char* name, bool& out) const;
  absl::Status Read(const char* name, double& out) const;
  absl::Status Read(const char* name, int& out) const;
  absl::Status Read(const char* name, uint64_t& out) const;
  absl::Status Read(const char* name, std::vector<int>& out) const;
  absl::Status Read(const char* name, std::vector<int64_t>& out) const;
  absl::Status Read(const char* name, std::vector<std::string>& out) const;
  // An object, whatever is in it.
  absl::Status ReadObject(const char* name, nlohmann::json& out) const;

  // Absent and null are nullopt.
  template <typename T>
  absl::Status Read(const char* name, std::optional<T>& out) const {
    out.reset();
    if (!Has(name)) return CheckIsObject();
    RETURN_IF_ERROR(Read(name, out.emplace()));
    return absl::OkStatus();
  }

  // True when the field is there and is not null.
  bool Has(const char* name) const;
  // "samples.jsonl:3: kv": the place of a nested object.
  std::string Nested(const char* name) const;
  absl::Status Error(const char* name, std::string_view expected) const;

 private:
  const nlohmann::json* Find(const char* name) const;

  const nlohmann::json& object_;
  const std::string where_;
};

}  // namespace kvscope
