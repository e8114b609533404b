#include "datasets/catalog.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <set>

#include "embedded/catalog_json.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr int kCatalogSchema = 1;

absl::Status Error(std::string_view where, std::string_view key, std::string_view expected,
                   const json& found) {
  return absl::DataLossError(
      fmt::format("{}: {}: expected {}, found {}", where, key, expected, DumpJson(found)));
}

absl::Status CheckKeys(const json& object, std::string_view where, const std::set<std::string_view>& known) {
  if (!object.is_object()) return Error(where, "value", "an object", object);
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) return absl::DataLossError(fmt::format("{}: unknown key {}", where, key));
  }
  return absl::OkStatus();
}

// An absent optional key leaves `out` as it is.
absl::Status Read(const json& object, std::string_view where, const char* key, bool required,
                  std::string& out) {
  const auto field = object.find(key);
  if (field == object.end()) return required ? Error(where, key, "a string", nullptr) : absl::OkStatus();
  if (!field->is_string() || field->get_ref<const std::string&>().empty())
    return Error(where, key, "a string", *field);
  out = field->get<std::string>();
  return absl::OkStatus();
}

absl::Status Read(const json& object, std::string_view where, const char* key, bool& out) {
  const auto field = object.find(key);
  if (field == object.end()) return absl::OkStatus();
  if (!field->is_boolean()) return Error(where, key, "true or false", *field);
  out = field->get<bool>();
  return absl::OkStatus();
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Relative, and inside its folder whatever the folder is.
bool IsSafePath(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\\') != std::string_view::npos) return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

template <typename Integer>
absl::Status ReadPositive(const json& object, std::string_view where, const char* key, Integer& out) {
  const auto field = object.find(key);
  if (field == object.end() || !field->is_number_unsigned() || field->get<uint64_t>() == 0 ||
      field->get<uint64_t>() > std::numeric_limits<Integer>::max())
    return Error(where, key, "a positive integer", field == object.end() ? json() : *field);
  out = field->get<Integer>();
  return absl::OkStatus();
}

absl::StatusOr<CatalogFile> FileFromJson(const json& value, const std::string& where,
                                         const std::string& base_url) {
  RETURN_IF_ERROR(CheckKeys(value, where, {"name", "bytes", "sha256"}));
  CatalogFile file;
  RETURN_IF_ERROR(Read(value, where, "name", /*required=*/true, file.name));
  RETURN_IF_ERROR(Read(value, where, "sha256", /*required=*/true, file.sha256));
  if (!IsSafePath(file.name)) return Error(where, "name", "a path inside its folder", file.name);
  if (!IsSha256(file.sha256)) return Error(where, "sha256", "64 lower-case hex digits", file.sha256);
  RETURN_IF_ERROR(ReadPositive(value, where, "bytes", file.bytes));
  file.url = fmt::format("{}/{}", base_url, file.name);
  return file;
}

absl::StatusOr<ModelShape> ShapeFromJson(const json& value, const std::string& where) {
  RETURN_IF_ERROR(CheckKeys(
      value, where, {"layers", "hidden", "heads", "kv_heads", "head_dim", "parameters", "weight_bytes"}));
  ModelShape shape;
  RETURN_IF_ERROR(ReadPositive(value, where, "layers", shape.layers));
  RETURN_IF_ERROR(ReadPositive(value, where, "hidden", shape.hidden));
  RETURN_IF_ERROR(ReadPositive(value, where, "heads", shape.heads));
  RETURN_IF_ERROR(ReadPositive(value, where, "kv_heads", shape.kv_heads));
  RETURN_IF_ERROR(ReadPositive(value, where, "head_dim", shape.head_dim));
  RETURN_IF_ERROR(ReadPositive(value, where, "parameters", shape.parameters));
  RETURN_IF_ERROR(ReadPositive(value, where, "weight_bytes", shape.weight_bytes));
  return shape;
}

absl::StatusOr<CatalogEntry> EntryFromJson(const json& value, const std::string& where) {
  RETURN_IF_ERROR(CheckKeys(value, where,
                            {"name", "kind", "description", "licence", "url", "files", "mirrored",
                             "prompt_template", "shape", "embedded", "obtain"}));
  CatalogEntry entry;
  std::string kind;
  std::string url;
  RETURN_IF_ERROR(Read(value, where, "name", /*required=*/true, entry.name));
  RETURN_IF_ERROR(Read(value, where, "kind", /*required=*/true, kind));
  RETURN_IF_ERROR(Read(value, where, "description", /*required=*/true, entry.description));
  RETURN_IF_ERROR(Read(value, where, "licence", /*required=*/true, entry.licence));
  RETURN_IF_ERROR(Read(value, where, "url", /*required=*/false, url));
  RETURN_IF_ERROR(Read(value, where, "mirrored", entry.mirrored));
  RETURN_IF_ERROR(Read(value, where, "embedded", entry.embedded));
  RETURN_IF_ERROR(Read(value, where, "prompt_template", /*required=*/false, entry.prompt_template));
  RETURN_IF_ERROR(Read(value, where, "obtain", /*required=*/false, entry.obtain));
  if (!IsSafePath(entry.name) || entry.name.find('/') != std::string::npos)
    return Error(where, "name", "a name without slashes", entry.name);
  if (kind != "data" && kind != "model") return Error(where, "kind", "data or model", kind);
  entry.kind = kind == "data" ? EntryKind::kData : EntryKind::kModel;

  if (value.contains("shape")) {
    ASSIGN_OR_RETURN(entry.shape, ShapeFromJson(value["shape"], fmt::format("{}: shape", where)));
  }

  const json files = value.value("files", json::array());
  if (!files.is_array()) return Error(where, "files", "a list", files);
  if (!files.empty() && !url.starts_with("https://")) return Error(where, "url", "https://...", url);
  for (size_t i = 0; i < files.size(); ++i) {
    ASSIGN_OR_RETURN(CatalogFile file, FileFromJson(files[i], fmt::format("{}: files[{}]", where, i), url));
    entry.files.push_back(std::move(file));
  }
  const int ways = (entry.files.empty() ? 0 : 1) + (entry.embedded ? 1 : 0) + (entry.obtain.empty() ? 0 : 1);
  if (ways != 1) return Error(where, "files, embedded, obtain", "exactly one of them", ways);
  return entry;
}

}  // namespace

std::string CatalogEntry::Folder() const {
  return fmt::format("{}/{}", kind == EntryKind::kData ? "data" : "models", name);
}

const Catalog& Catalog::BuiltIn() {
  static const Catalog* const catalog = [] {
    const auto parsed = ParseJson(embedded::catalog_json(), "catalog.json");
    auto built = parsed.ok() ? FromJson(*parsed) : absl::StatusOr<Catalog>(parsed.status());
    if (!built.ok()) {
      fmt::print(stderr, "compiled-in catalog: {}\n", std::string(built.status().message()));
      std::abort();
    }
    return new Catalog(*std::move(built));
  }();
  return *catalog;
}

absl::StatusOr<Catalog> Catalog::FromJson(const json& value) {
  RETURN_IF_ERROR(CheckKeys(value, "catalog.json", {"schema", "entries"}));
  if (value.value("schema", json()) != kCatalogSchema)
    return Error("catalog.json", "schema", fmt::format("{}", kCatalogSchema), value.value("schema", json()));
  const json entries = value.value("entries", json());
  if (!entries.is_array()) return Error("catalog.json", "entries", "a list", entries);
  Catalog catalog;
  std::set<std::string> names;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string where = fmt::format("catalog.json: entries[{}]", i);
    ASSIGN_OR_RETURN(CatalogEntry entry, EntryFromJson(entries[i], where));
    if (!names.insert(entry.name).second) return Error(where, "name", "a name not used before", entry.name);
    catalog.entries_.push_back(std::move(entry));
  }
  return catalog;
}

absl::StatusOr<const CatalogEntry*> Catalog::Find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const CatalogEntry& entry) { return entry.name == name; });
  if (found != entries_.end()) return &*found;
  std::string names;
  for (const CatalogEntry& entry : entries_) names += (names.empty() ? "" : ", ") + entry.name;
  return absl::InvalidArgumentError(fmt::format("{}: not in the catalog; there are {}", name, names));
}

}  // namespace kvscope
