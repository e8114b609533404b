#include "eval/import/scope_path.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using Names = std::pair<std::string_view, std::string_view>;  // theirs, ours

constexpr std::array<Names, 6> kPrefillNames = {{{"ALLKV", "full"},
                                                 {"StreamingLLM", "streamingllm"},
                                                 {"SnapKV", "snapkv"},
                                                 {"H2O", "h2o"},
                                                 {"PyramidKV", "pyramidkv"},
                                                 {"PyramidInfer", "pyramidinfer"}}};
constexpr std::array<Names, 7> kDecodeNames = {{{"None", "none"},
                                                {"slm", "slm"},
                                                {"h2o", "h2o"},
                                                {"pyramidinfer", "pyramidinfer"},
                                                {"slide", "slide"},
                                                {"adaptive", "adaptive"},
                                                {"discontinuous", "discontinuous"}}};
constexpr std::array<Names, 3> kTaskNames = {{{"gsm8k", "gsm8k+"}, {"mmlu", "mmlu+"}, {"csqa", "csqa+"}}};
constexpr std::string_view kWindowMark = "_decoding_window_";
constexpr std::string_view kRecentMark = "_recent_window_";

// The text before `mark`, which is cut off `rest` together with it.
std::optional<std::string_view> CutBefore(std::string_view& rest, std::string_view mark) {
  const size_t at = rest.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = rest.substr(0, at);
  rest.remove_prefix(at + mark.size());
  return before;
}

absl::Status PartError(const std::string& path, std::string_view part, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("{}: '{}': expected {}", path, part, expected));
}

template <size_t kSize>
absl::Status Translate(const std::string& path, const std::array<Names, kSize>& names,
                       std::string_view theirs, std::string_view what, std::string& ours) {
  const auto found = std::ranges::find(names, theirs, &Names::first);
  if (found == names.end()) return PartError(path, theirs, what);
  ours = found->second;
  return absl::OkStatus();
}

absl::Status ParseTokens(const std::string& path, std::string_view text, std::string_view what, int& out) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  if (parsed.ec != std::errc() || parsed.ptr != end || out < 0) return PartError(path, text, what);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ScopeCell> ParseScopePath(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path)) parts.push_back(part.string());
  if (parts.size() < 4)
    return absl::InvalidArgumentError(fmt::format("{}: expected METHOD/MODEL_BUDGET/TASK/FILE.json", path));
  const std::string &method = parts[parts.size() - 4], &model = parts[parts.size() - 3];
  const std::string file = std::filesystem::path(path).stem();

  ScopeCell cell;
  std::string_view rest = method;
  const auto prefill = CutBefore(rest, "+"), decode = CutBefore(rest, kWindowMark),
             window = CutBefore(rest, kRecentMark);
  if (!prefill || !decode || !window)
    return PartError(path, method, "PREFILL+DECODE_decoding_window_W_recent_window_R");
  RETURN_IF_ERROR(Translate(path, kPrefillNames, *prefill, "a prefill policy", cell.prefill));
  RETURN_IF_ERROR(Translate(path, kDecodeNames, *decode, "a decode policy", cell.decode));
  RETURN_IF_ERROR(ParseTokens(path, *window, "the window's tokens", cell.window));
  RETURN_IF_ERROR(ParseTokens(path, rest, "the recent window's tokens", cell.recent));

  const size_t underscore = model.rfind('_');
  if (underscore == std::string::npos) return PartError(path, model, "MODEL_BUDGET");
  cell.model = model.substr(0, underscore);
  RETURN_IF_ERROR(ParseTokens(path, std::string_view(model).substr(underscore + 1),
                              "the prefill budget's tokens", cell.prefill_budget));
  RETURN_IF_ERROR(
      Translate(path, kTaskNames, parts[parts.size() - 2], "a task: gsm8k, mmlu, csqa", cell.task));
  if (file != *prefill)
    return PartError(path, file, fmt::format("{}, the folder's prefill policy", *prefill));
  return cell;
}

}  // namespace kvscope
