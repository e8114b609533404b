#include "datasets/fetch.h"

#include <memory>
#include <string>
#include <vector>

#include "eval/cli/command.h"
#include "eval/cli/progress.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kBytesPerMb = 1e6;

struct Flags {
  std::vector<std::string> names;
  bool list = false;
  std::string mirror;
  std::string cache;
  bool json = false;
  bool quiet = false;
};

uint64_t BytesOf(const CatalogEntry& entry) {
  uint64_t bytes = 0;
  for (const CatalogFile& file : entry.files) bytes += file.bytes;
  return bytes;
}

std::string_view KindOf(const CatalogEntry& entry) {
  return entry.kind == EntryKind::kData ? "data" : "model";
}

// Where the user gets the entry from, when not from here.
std::string_view StateOf(const CatalogEntry& entry, const Fetcher& fetcher) {
  if (entry.embedded) return "embedded";
  if (fetcher.IsPresent(entry)) return "present";
  return entry.files.empty() ? "by hand" : "absent";
}

Json ToJson(const CatalogEntry& entry, const Fetcher& fetcher) {
  Json files = Json::array();
  for (const CatalogFile& file : entry.files) {
    files.push_back({{"path", fetcher.PathOf(entry, file)},
                     {"url", file.url},
                     {"bytes", file.bytes},
                     {"sha256", file.sha256}});
  }
  return {{"name", entry.name},      {"kind", KindOf(entry)},    {"state", StateOf(entry, fetcher)},
          {"bytes", BytesOf(entry)}, {"licence", entry.licence}, {"description", entry.description},
          {"obtain", entry.obtain},  {"files", std::move(files)}};
}

void PrintList(const Fetcher& fetcher) {
  for (const CatalogEntry& entry : fetcher.catalog().entries()) {
    const std::string size =
        entry.files.empty() ? ""
                            : fmt::format("{:.1f} MB", static_cast<double>(BytesOf(entry)) / kBytesPerMb);
    fmt::print("{:<24}{:<7}{:<10}{:>9}  {} ({})\n", entry.name, KindOf(entry), StateOf(entry, fetcher), size,
               entry.description, entry.licence);
  }
}

// The entries named; without names, every data set.
absl::StatusOr<std::vector<const CatalogEntry*>> Select(const std::vector<std::string>& names,
                                                        const Catalog& catalog) {
  std::vector<const CatalogEntry*> entries;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const CatalogEntry* const entry, catalog.Find(name));
    entries.push_back(entry);
  }
  if (!names.empty()) return entries;
  for (const CatalogEntry& entry : catalog.entries())
    if (entry.kind == EntryKind::kData) entries.push_back(&entry);
  return entries;
}

// Fetches one entry under a progress bar and returns its folder.
absl::StatusOr<std::string> FetchEntry(const CatalogEntry& entry, FetchOptions options, bool quiet) {
  ProgressBar bar(entry.name, BytesOf(entry), quiet);
  uint64_t before = 0;  // bytes of the files before the one in progress
  std::string current;
  uint64_t current_bytes = 0;
  options.on_progress = [&](const FetchProgress& progress) {
    if (progress.name != current) before += current_bytes;
    current = progress.name;
    current_bytes = progress.total_bytes;
    bar.Update(before + progress.bytes, progress.name);
  };
  return Fetcher(std::move(options)).Fetch(entry);
}

absl::StatusOr<ExitCode> Fetch(const Flags& flags) {
  ASSIGN_OR_RETURN(FetchOptions options, FetchOptionsFromEnvironment());
  if (!flags.mirror.empty()) options.mirror = flags.mirror;
  if (!flags.cache.empty()) options.cache_folder = flags.cache;
  const Fetcher fetcher(options);
  Json report = Json::array();
  if (flags.list) {
    if (!flags.json) PrintList(fetcher);
    for (const CatalogEntry& entry : fetcher.catalog().entries()) report.push_back(ToJson(entry, fetcher));
  } else {
    ASSIGN_OR_RETURN(const auto entries, Select(flags.names, fetcher.catalog()));
    for (const CatalogEntry* entry : entries) {
      ASSIGN_OR_RETURN(const std::string folder, FetchEntry(*entry, options, flags.quiet));
      if (!flags.json) fmt::print("{:<24}{}\n", entry->name, folder);
      Json fetched = ToJson(*entry, fetcher);
      fetched["folder"] = folder;
      report.push_back(std::move(fetched));
    }
  }
  if (flags.json) fmt::print("{}\n", report.dump(2));
  return ExitCode::kDone;
}

}  // namespace

Action AddFetch(CLI::App& command) {
  auto flags = std::make_shared<Flags>();
  command.add_option("NAME", flags->names, "Entries of the catalog; without a name, every data set");
  command.add_flag("--list", flags->list, "List the catalog and what is present; fetch nothing");
  command.add_option("--mirror", flags->mirror,
                     "https:// or file:// that stands for https:// in every URL (KVSCOPE_MIRROR)");
  command.add_option("--cache", flags->cache, "Folder of what was fetched (KVSCOPE_CACHE)");
  AddJsonFlag(command, &flags->json);
  AddQuietFlag(command, &flags->quiet);
  return [flags] { return Fetch(*flags); };
}

}  // namespace kvscope
