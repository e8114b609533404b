#include "datasets/url.h"

#include <curl/curl.h>

#include <memory>

#include "fmt/format.h"
#include "results/base/redact.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

struct CurlUrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool IsLoopback(const std::string& host) {
  return host == "127.0.0.1" || host == "[::1]" || host == "localhost";
}

}  // namespace

absl::StatusOr<Url> ParseUrl(const std::string& text) {
  const std::unique_ptr<CURLU, CurlUrlDeleter> url(curl_url());
  if (url == nullptr) return absl::ResourceExhaustedError("no memory for a URL");
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return absl::InvalidArgumentError(fmt::format("{}: not a URL", Redacted(text)));
  if (!Part(url.get(), CURLUPART_USER).empty() || !Part(url.get(), CURLUPART_PASSWORD).empty())
    return absl::InvalidArgumentError("a URL must not carry a user name or password");
  return Url{.scheme = Lower(Part(url.get(), CURLUPART_SCHEME)),
             .host = Lower(Part(url.get(), CURLUPART_HOST)),
             .port = Part(url.get(), CURLUPART_PORT)};
}

absl::Status CheckMayOpen(const std::string& url, bool allow_loopback_http) {
  ASSIGN_OR_RETURN(const Url parsed, ParseUrl(url));
  if (parsed.scheme == "https" || parsed.scheme == "file") return absl::OkStatus();
  if (parsed.scheme == "http" && allow_loopback_http && IsLoopback(parsed.host)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("{}: expected https:// or file://, found {}://", url, parsed.scheme));
}

std::string MirroredUrl(const std::string& url, const std::string& mirror) {
  constexpr std::string_view kScheme = "https://";
  if (mirror.empty() || !url.starts_with(kScheme)) return url;
  const size_t end = mirror.find_last_not_of('/') + 1;
  return fmt::format("{}/{}", mirror.substr(0, end), url.substr(kScheme.size()));
}

absl::Status CheckRedirect(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const Url source, ParseUrl(from));
  ASSIGN_OR_RETURN(const Url target, ParseUrl(to));
  if (target.scheme == "https") return absl::OkStatus();
  if (source.scheme == "http" && target.scheme == "http" && IsLoopback(source.host) &&
      IsLoopback(target.host)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(fmt::format("{}: redirect to {} refused: expected https://", from, to));
}

bool MayCarryToken(const std::string& url) {
  const auto parsed = ParseUrl(url);
  return parsed.ok() && parsed->scheme == "https" && parsed->host == "huggingface.co" &&
         (parsed->port.empty() || parsed->port == "443");
}

}  // namespace kvscope
