#include "results/base/fuzz/fuzz_target.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "results/base/jsonl.h"
#include "results/base/seal.h"

namespace kvscope {
namespace {

// Objects that a writer could have written; a seal makes no other text more readable.
std::string SealedIfObject(std::string_view line) {
  auto json = ParseJson(line, "line");
  if (!json.ok() || !json->is_object()) return std::string(line);
  json->erase("seal");
  return json->empty() ? std::string(line) : SealedLine(*json);
}

}  // namespace

std::vector<std::string> FuzzWords(const std::vector<std::string>& seeds) {
  constexpr size_t kShortest = 3, kLongest = 40;
  const auto in_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_.+-").find(c) != std::string_view::npos;
  };
  std::set<std::string> words;
  for (const std::string& seed : seeds) {
    for (auto begin = seed.begin(); begin != seed.end();) {
      begin = std::find_if(begin, seed.end(), in_word);
      const auto end = std::find_if_not(begin, seed.end(), in_word);
      const auto size = static_cast<size_t>(end - begin);
      if (size >= kShortest && size <= kLongest) words.emplace(begin, end);
      begin = end;
    }
  }
  return {words.begin(), words.end()};
}

std::vector<std::string> SplitFuzzInput(std::string_view bytes, size_t count) {
  std::vector<std::string> parts(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t end = i + 1 == count ? bytes.size() : std::min(bytes.find('\0'), bytes.size());
    parts[i] = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return parts;
}

std::string JoinFuzzInput(const std::vector<std::string>& parts) {
  std::string bytes;
  for (size_t i = 0; i < parts.size(); ++i) bytes.append(i == 0 ? 0 : 1, '\0').append(parts[i]);
  return bytes;
}

std::string SealFuzzLines(std::string_view text) {
  std::string sealed;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    sealed += SealedIfObject(text.substr(0, end));
    if (end == std::string_view::npos) break;
    sealed += '\n';
    text.remove_prefix(end + 1);
  }
  return sealed;
}

}  // namespace kvscope
