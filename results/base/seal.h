// A checksum inside the text of a JSON object, so that a byte that changed later is noticed: the last field,
// "seal", is the beginning of the SHA-256 of all text before that field.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// One line, without its newline. REQUIRES here and below: `object` has a field, and none named "seal".
std::string SealedLine(const nlohmann::json& object);

// A file of many lines, its last newline included.
std::string SealedFile(const nlohmann::json& object);

// The object of such a text, without its seal. DataLoss, naming `where`, the seal expected and the one found,
// where they differ; also where there is no seal, unless the text says that it is older than seals are: its
// field "schema" is absent or 1.
absl::StatusOr<nlohmann::json> ParseSealed(std::string_view text, const std::string& where);

// Of a file: NotFound or Unavailable, and the errors of ParseSealed.
absl::StatusOr<nlohmann::json> ReadSealedFile(const std::string& path);

absl::Status WriteSealedFile(const std::string& path, const nlohmann::json& object);

}  // namespace kvscope
