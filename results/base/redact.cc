#include "results/base/redact.h"

#include <algorithm>
#include <cstdlib>

namespace kvscope {
namespace {

constexpr std::string_view kHidden = "***";

void HideUsersOfUrls(std::string& text) {
  constexpr std::string_view kScheme = "://";
  for (size_t at = 0; (at = text.find(kScheme, at)) != std::string::npos;) {
    at += kScheme.size();
    const size_t end = std::min(text.find_first_of("/?# \t\n\"'", at), text.size());
    const size_t user_end = text.substr(at, end - at).rfind('@');
    if (user_end != std::string::npos) text.replace(at, user_end, kHidden);
  }
}

void HideHuggingFaceTokens(std::string& text) {
  constexpr std::string_view kPrefix = "hf_";
  constexpr size_t kFewestCharacters = 16;
  for (size_t at = 0; (at = text.find(kPrefix, at)) != std::string::npos;) {
    at += kPrefix.size();
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = std::find_if_not(begin, text.end(), [](unsigned char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    if (static_cast<size_t>(end - begin) >= kFewestCharacters) text.replace(begin, end, kHidden);
  }
}

void HideEvery(std::string& text, std::string_view secret) {
  for (size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos;
       at += kHidden.size())
    text.replace(at, secret.size(), kHidden);
}

}  // namespace

std::string Redacted(std::string_view text) {
  std::string shown(text);
  if (const char* const token = std::getenv("HF_TOKEN")) HideEvery(shown, token);
  HideUsersOfUrls(shown);
  HideHuggingFaceTokens(shown);
  return shown;
}

}  // namespace kvscope
