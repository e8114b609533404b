#include "datasets/prompt_file.h"

#include "datasets/manifest.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// OK when `path` is absent or holds `content`.
absl::Status CheckNotOther(const std::string& path, const std::string& content) {
  const auto present = ReadFile(path);
  if (absl::IsNotFound(present.status())) return absl::OkStatus();
  if (!present.ok()) return present.status();
  if (*present == content) return absl::OkStatus();
  return absl::AlreadyExistsError(fmt::format("{}: holds other content; --force replaces it", path));
}

absl::Status WriteIfOther(const std::string& path, const std::string& content) {
  const auto present = ReadFile(path);
  if (present.ok() && *present == content) return absl::OkStatus();
  return WriteFileAtomically(path, content);
}

}  // namespace

std::string ManifestPath(const std::string& path) { return fmt::format("{}.manifest.json", path); }

absl::Status WritePromptFile(const PromptSet& set, const std::string& path, bool overwrite) {
  constexpr int kIndent = 2;
  std::string prompts;
  for (const Prompt& prompt : set.prompts) prompts.append(DumpJson(ToJson(prompt))).append("\n");
  const std::string manifest = DumpJson(ToJson(set.manifest), kIndent).append("\n");
  if (!overwrite) {
    RETURN_IF_ERROR(CheckNotOther(path, prompts));
    RETURN_IF_ERROR(CheckNotOther(ManifestPath(path), manifest));
  }
  RETURN_IF_ERROR(WriteIfOther(path, prompts));
  return WriteIfOther(ManifestPath(path), manifest);
}

}  // namespace kvscope
