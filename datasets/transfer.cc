#include "datasets/transfer.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "datasets/url.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr long kOk = 200;
constexpr long kPartialContent = 206;
constexpr long kRangeNotSatisfiable = 416;
constexpr size_t kMaxIgnoredBody = 64 * 1024;  // of a redirect or an error page

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

CURL* NewCurl() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  return initialised == CURLE_OK ? curl_easy_init() : nullptr;
}

std::string Errno(const std::string& path, std::string_view action) {
  return fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno));
}

// The start of "Content-Range: bytes 100-199/200", or nothing when `header` is another one.
std::optional<uint64_t> ContentRangeBegin(std::string_view header) {
  constexpr std::string_view kName = "content-range: bytes ";
  if (header.size() < kName.size()) return std::nullopt;
  const auto equal = [](char lower, char c) { return lower == (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); };
  if (!std::equal(kName.begin(), kName.end(), header.begin(), equal)) return std::nullopt;
  header.remove_prefix(kName.size());
  uint64_t begin = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), begin);
  return error == std::errc() ? std::optional(begin) : std::nullopt;
}

// The file being completed, and what the headers have said so far.
struct Sink {
  CURL* curl = nullptr;
  int fd = -1;
  std::string path;
  uint64_t size = 0;  // of the file
  uint64_t max_bytes = 0;
  const TransferOptions* options = nullptr;

  bool http = true;
  std::optional<uint64_t> range_begin = std::nullopt;
  bool started = false;
  bool wrong_range = false;
  bool too_long = false;
  size_t ignored = 0;
  absl::Status write_error = absl::OkStatus();

  long Code() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  bool Succeeded() const { return !http || Code() == kOk || Code() == kPartialContent; }

  bool Truncate() {
    if (::ftruncate(fd, 0) != 0) {
      write_error = absl::UnavailableError(Errno(path, "truncate"));
      return false;
    }
    size = 0;
    return true;
  }

  // Called at the first byte of a successful body, and after an empty one.
  bool Start() {
    if (std::exchange(started, true) || !http) return true;
    if (Code() == kOk) return size == 0 || Truncate();  // the server ignored the range
    wrong_range = range_begin != size;
    return !wrong_range;
  }

  bool Write(std::string_view bytes) {
    if (!Succeeded()) return (ignored += bytes.size()) <= kMaxIgnoredBody;
    if (!Start()) return false;
    too_long = bytes.size() > max_bytes - size;
    if (too_long) return false;
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(size));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        write_error = absl::UnavailableError(Errno(path, "write"));
        return false;
      }
      bytes.remove_prefix(static_cast<size_t>(written));
      size += static_cast<uint64_t>(written);
    }
    if (options->on_progress) options->on_progress(size);
    return true;
  }
};

size_t OnBody(char* data, size_t unit, size_t count, void* sink) {
  return static_cast<Sink*>(sink)->Write({data, unit * count}) ? unit * count : 0;
}

size_t OnHeader(char* data, size_t unit, size_t count, void* sink) {
  if (const auto begin = ContentRangeBegin({data, unit * count}))
    static_cast<Sink*>(sink)->range_begin = begin;
  return unit * count;
}

using Headers = std::unique_ptr<curl_slist, CurlDeleter>;

// Sets what every request shares, then what this one asks for.
Headers Prepare(Sink& sink, const std::string& url, bool with_token) {
  CURL* const curl = sink.curl;
  const TransferOptions& options = *sink.options;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                   options.allow_loopback_http ? "https,file,http" : "https,file");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // each step is checked here, not in libcurl
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "kvscope");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes_per_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.low_speed_s));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &sink);
  if (url.starts_with("http://")) curl_easy_setopt(curl, CURLOPT_PROXY, "");  // loopback needs no proxy
  if (sink.size > 0) curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-", sink.size).c_str());
  if (!with_token) return nullptr;
  Headers headers(curl_slist_append(nullptr, fmt::format("Authorization: Bearer {}", options.token).c_str()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  return headers;
}

bool IsTransient(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool IsTransientHttp(long code) { return code >= 500 || code == 408 || code == 429; }

absl::Status HttpError(const std::string& url, long code) {
  if (code == 404 || code == 410) return absl::NotFoundError(fmt::format("{}: HTTP {}", url, code));
  if (code == 401 || code == 403) {
    return absl::PermissionDeniedError(
        fmt::format("{}: HTTP {}; a gated Hugging Face file needs HF_TOKEN", url, code));
  }
  return absl::UnavailableError(fmt::format("{}: HTTP {}", url, code));
}

TransferResult Failed(absl::Status status, bool transient = false) { return {std::move(status), transient}; }

// What one finished request means, redirects and refused ranges apart.
TransferResult Judge(const Sink& sink, const std::string& url, CURLcode code) {
  if (!sink.write_error.ok()) return Failed(sink.write_error);
  if (sink.too_long)
    return Failed(
        absl::DataLossError(fmt::format("{}: longer than the {} bytes of the catalog", url, sink.max_bytes)));
  if (sink.http && sink.Code() != 0 && !sink.Succeeded())
    return Failed(HttpError(url, sink.Code()), IsTransientHttp(sink.Code()));
  if (code == CURLE_FILE_COULDNT_READ_FILE)
    return Failed(absl::NotFoundError(fmt::format("{}: no such file", url)));
  if (code != CURLE_OK)
    return Failed(absl::UnavailableError(fmt::format("{}: {}", url, curl_easy_strerror(code))),
                  IsTransient(code));
  if (::fsync(sink.fd) != 0) return Failed(absl::UnavailableError(Errno(sink.path, "sync")));
  return {absl::OkStatus()};
}

TransferResult Run(Sink& sink, std::string url) {
  const TransferOptions& options = *sink.options;
  bool with_token = !options.token.empty();
  for (int redirects = 0;;) {
    if (absl::Status status = CheckMayOpen(url, options.allow_loopback_http); !status.ok())
      return Failed(status);
    with_token = with_token && MayCarryToken(url);
    sink.http = !url.starts_with("file:");
    sink.range_begin.reset();
    sink.started = false;
    sink.wrong_range = false;
    sink.ignored = 0;
    const Headers headers = Prepare(sink, url, with_token);
    const CURLcode code = curl_easy_perform(sink.curl);

    if (sink.http && code == CURLE_OK && sink.Succeeded() && !sink.Start() && !sink.wrong_range)
      return Failed(sink.write_error);
    if (sink.size > 0 && (sink.wrong_range || sink.Code() == kRangeNotSatisfiable)) {
      if (!sink.Truncate()) return Failed(sink.write_error);
      continue;  // without a range this time, so at most once
    }
    char* target = nullptr;
    curl_easy_getinfo(sink.curl, CURLINFO_REDIRECT_URL, &target);
    if (target == nullptr) return Judge(sink, url, code);
    if (++redirects > options.max_redirects)
      return Failed(
          absl::UnavailableError(fmt::format("{}: more than {} redirects", url, options.max_redirects)));
    if (absl::Status status = CheckRedirect(url, target); !status.ok()) return Failed(status);
    url = target;
  }
}

}  // namespace

TransferResult Transfer(const std::string& url, const std::string& path, uint64_t max_bytes,
                        const TransferOptions& options) {
  const std::unique_ptr<CURL, CurlDeleter> curl(NewCurl());
  if (curl == nullptr) return Failed(absl::ResourceExhaustedError("libcurl cannot be initialised"));
  Sink sink{.curl = curl.get(), .path = path, .max_bytes = max_bytes, .options = &options};
  sink.fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (sink.fd < 0) return Failed(absl::UnavailableError(Errno(path, "open")));
  const absl::Cleanup close_file = [fd = sink.fd] { ::close(fd); };
  struct stat info;
  if (::fstat(sink.fd, &info) != 0) return Failed(absl::UnavailableError(Errno(path, "stat")));
  sink.size = static_cast<uint64_t>(info.st_size);
  if (sink.size > max_bytes && !sink.Truncate()) return Failed(sink.write_error);
  return Run(sink, url);
}

}  // namespace kvscope
