// SHA-256 (FIPS 180-4) by OpenSSL: of bytes, of files, and in steps. Digests are 64 lower-case hex digits.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kvscope {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // REQUIRES: called once, after the last Update.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);

// NotFound when the file is absent; Unavailable when it cannot be read to its end.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace kvscope
