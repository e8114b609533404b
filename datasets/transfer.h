// One attempt to bring one URL into one file, by libcurl: ranges, redirects, limits. No retries and no
// hashes: those are the Fetcher's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace kvscope {

struct TransferOptions {
  int max_redirects = 5;
  int connect_timeout_s = 20;
  // A transfer slower than this for as long as this is given up.
  int low_speed_bytes_per_s = 1024;
  int low_speed_s = 30;
  bool allow_loopback_http = false;                 // tests
  std::string token;                                // sent to huggingface.co alone; see MayCarryToken
  std::function<void(uint64_t bytes)> on_progress;  // bytes of the file that are there
};

struct TransferResult {
  absl::Status status;
  bool transient = false;  // another attempt may succeed
};

// Completes the file at `path`, which may hold the first bytes of the content, and fsyncs it. Only the
// missing range is asked for; the file starts anew when the server sends the whole content or refuses the
// range. Never writes more than `max_bytes`: DataLoss when the content is longer. NotFound for 404 and 410,
// PermissionDenied for 401, 403 and a refused redirect, Unavailable for the rest of what a network does.
TransferResult Transfer(const std::string& url, const std::string& path, uint64_t max_bytes,
                        const TransferOptions& options);

}  // namespace kvscope
