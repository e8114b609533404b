// Brings the catalog's files into the cache: resumed where they were cut, checked by SHA-256 before they get
// their names, safe against a second process that fetches the same file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/catalog.h"
#include "datasets/transfer.h"

namespace kvscope {

struct FetchProgress {
  std::string name;  // CatalogFile::name
  uint64_t bytes = 0;
  uint64_t total_bytes = 0;
};

struct FetchOptions {
  std::string cache_folder;
  std::string mirror;                          // https:// or file://; empty for the files' own hosts
  int retries = 4;                             // after transient faults: 5xx, cut connections, timeouts
  std::chrono::milliseconds first_delay{500};  // before the first retry; doubles each time
  std::function<void(const FetchProgress&)> on_progress;
  TransferOptions transfer;  // on_progress is set by the Fetcher
};

// Cache folder from KVSCOPE_CACHE, else XDG_CACHE_HOME/kvscope, else HOME/.cache/kvscope; mirror from
// KVSCOPE_MIRROR; token from HF_TOKEN. InvalidArgument when no folder can be named or the token could not be
// sent as a header; the message does not repeat the token.
absl::StatusOr<FetchOptions> FetchOptionsFromEnvironment();

class Fetcher {
 public:
  // `catalog` must outlive the Fetcher.
  explicit Fetcher(FetchOptions options, const Catalog& catalog = Catalog::BuiltIn());

  // The path of a file in the cache, whether it is there or not.
  std::string PathOf(const CatalogEntry& entry, const CatalogFile& file) const;

  // Whether all files of the entry are there with their sizes. Hashes are checked when a file is used.
  bool IsPresent(const CatalogEntry& entry) const;

  // Fetches what is absent or damaged and returns the path. Unavailable when the network is needed and
  // absent; DataLoss, naming the hash expected and found, when the content is not the catalog's.
  absl::StatusOr<std::string> Fetch(const CatalogEntry& entry, const CatalogFile& file) const;

  // Fetches every file, or extracts the model when it is embedded, and returns the folder. NotFound, saying
  // how the user gets it, when it cannot be downloaded.
  absl::StatusOr<std::string> Fetch(const CatalogEntry& entry) const;

  const Catalog& catalog() const { return catalog_; }
  const FetchOptions& options() const { return options_; }

 private:
  absl::Status Download(const CatalogFile& file, const std::string& path) const;
  absl::Status DownloadOnce(const CatalogFile& file, const std::string& partial) const;

  FetchOptions options_;
  const Catalog& catalog_;
};

}  // namespace kvscope
