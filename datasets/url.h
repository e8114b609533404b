// The rules on URLs: which may be opened, what a mirror makes of one, where a redirect may lead, and who may
// see the token. Pure functions, so that each rule is tested without a network.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvscope {

struct Url {
  std::string scheme;  // lower case
  std::string host;    // lower case; empty for file
  std::string port;    // empty when it is the scheme's own
};

// InvalidArgument when `text` is no URL or carries a user name or password, which would end up in messages
// and logs.
absl::StatusOr<Url> ParseUrl(const std::string& text);

// https anywhere; file; plain http only on loopback and only if asked for. Anything else is PermissionDenied.
absl::Status CheckMayOpen(const std::string& url, bool allow_loopback_http);

// https://HOST/PATH becomes MIRROR/HOST/PATH. An empty mirror leaves the URL as it is.
std::string MirroredUrl(const std::string& url, const std::string& mirror);

// A redirect may lead to https, or from loopback http to loopback http. Never to a weaker scheme, never to a
// file: PermissionDenied.
absl::Status CheckRedirect(const std::string& from, const std::string& to);

// The Hugging Face token goes to https://huggingface.co and to no other host, subdomain, port or scheme.
bool MayCarryToken(const std::string& url);

}  // namespace kvscope
