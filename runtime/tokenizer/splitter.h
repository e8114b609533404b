// Cuts text at the matches of a regular expression (PCRE2, Unicode).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

class Splitter {
 public:
  // DataLoss, with PCRE2's reason, where `pattern` is no valid one.
  static absl::StatusOr<Splitter> Compile(std::string_view pattern);

  // Appends the matches in `text` and what lies between them, in order: together they are `text`. Where PCRE2
  // gives up on a match (its limit on backtracking), the rest of the text stays in one piece.
  // REQUIRES: `text` is valid UTF-8. May be called from any number of threads.
  void Split(std::string_view text, std::vector<std::string_view>* pieces) const;

 private:
  explicit Splitter(std::shared_ptr<const void> code) : code_(std::move(code)) {}

  std::shared_ptr<const void> code_;  // a pcre2_code
};

}  // namespace kvscope
