#include "eval/run/model_path.h"

#include <filesystem>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {

absl::StatusOr<std::string> ModelPath(const std::string& model, const Fetcher& fetcher) {
  const auto entry = fetcher.catalog().Find(model);
  if (!entry.ok() || (*entry)->kind != EntryKind::kModel) {
    std::error_code error;
    if (std::filesystem::exists(model, error)) return model;
    return absl::NotFoundError(
        fmt::format("{}: neither a model of the catalog (see kvscope models) nor a file or folder", model));
  }
  if ((*entry)->embedded) return fetcher.Fetch(**entry);
  if ((*entry)->files.empty())
    return absl::NotFoundError(fmt::format("{}: cannot be downloaded; {}", model, (*entry)->obtain));
  if (!fetcher.IsPresent(**entry))
    return absl::NotFoundError(fmt::format("{0}: not in the cache; run kvscope fetch {0}", model));
  for (const CatalogFile& file : (*entry)->files)
    if (file.name.ends_with(".gguf")) return fetcher.PathOf(**entry, file);
  return std::filesystem::path(fetcher.PathOf(**entry, (*entry)->files.front())).parent_path().string();
}

}  // namespace kvscope
