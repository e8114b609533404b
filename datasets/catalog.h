// What kvscope can download: a data file, catalog.json, compiled in. Every file is pinned by its size and
// SHA-256.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct CatalogFile {
  std::string name;  // path below the entry's folder, in the cache as in its URL
  std::string url;   // https
  std::string sha256;
  uint64_t bytes = 0;
};

enum class EntryKind { kData, kModel };

// What memory and time depend on, for forecasts without the model's files.
struct ModelShape {
  uint32_t layers = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint64_t parameters = 0;
  uint64_t weight_bytes = 0;  // as distributed
};

struct CatalogEntry {
  std::string name;
  EntryKind kind = EntryKind::kData;
  std::string description;
  std::string licence;
  std::vector<CatalogFile> files;
  bool mirrored = false;            // small enough that a mirror for tests and closed networks holds it
  std::string prompt_template;      // models only: "chatml", "llama3.1", "plain"
  bool embedded = false;            // compiled into the program: no files
  std::optional<ModelShape> shape;  // models only
  std::string obtain;               // when neither embedded nor downloadable: how the user gets it

  // Below the cache folder: "data/gsm8k-test", "models/smollm2-135m".
  std::string Folder() const;
};

class Catalog {
 public:
  // The one compiled in.
  static const Catalog& BuiltIn();

  // DataLoss naming the entry and field that is wrong: an unknown key, a URL that is not https, a hash that
  // is not 64 lower-case hex digits, a name that would leave its folder, a name used twice.
  static absl::StatusOr<Catalog> FromJson(const nlohmann::json& json);

  const std::vector<CatalogEntry>& entries() const { return entries_; }

  // InvalidArgument listing the names there are.
  absl::StatusOr<const CatalogEntry*> Find(std::string_view name) const;

 private:
  std::vector<CatalogEntry> entries_;
};

}  // namespace kvscope
