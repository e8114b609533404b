#include "results/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::Status ErrnoError(const std::string& path, std::string_view action) {
  return absl::UnavailableError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno)));
}

absl::StatusOr<SampleRecord> ParseLine(std::string_view line, const std::string& where) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(line, where));
  return SampleRecordFromJson(json, where);
}

// Calls `use` with every whole line and its number, `where`. Returns the bytes up to the last newline.
size_t ForEachLine(std::string_view text, const std::string& path,
                   const std::function<void(std::string_view line, const std::string& where)>& use) {
  size_t begin = 0;
  for (int number = 1;; ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return begin;
    use(text.substr(begin, end - begin), fmt::format("{}:{}", path, number));
    begin = end + 1;
  }
}

std::string SecondRecord(const std::string& where, const std::string& sample) {
  return fmt::format("{}: sample '{}' has a record already", where, sample);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SampleJournal>> SampleJournal::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(path, "open");
  std::unique_ptr<SampleJournal> journal(new SampleJournal(path, fd));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::Status status;
  const size_t whole = ForEachLine(text, path, [&](std::string_view line, const std::string& where) {
    if (!status.ok()) return;
    absl::StatusOr<SampleRecord> record = ParseLine(line, where);
    if (!record.ok())
      status = record.status();
    else if (!journal->samples_.insert(record->sample).second)
      status = absl::DataLossError(SecondRecord(where, record->sample));
    else
      journal->records_.push_back(*std::move(record));
  });
  RETURN_IF_ERROR(status);
  if (whole < text.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0)
    return ErrnoError(path, "cut off its torn last line");
  return journal;
}

SampleJournal::~SampleJournal() { ::close(fd_); }

absl::Status SampleJournal::Append(const SampleRecord& record) {
  if (Has(record.sample)) return absl::AlreadyExistsError(SecondRecord(path_, record.sample));
  const std::string line = DumpJson(ToJson(record)) + "\n";
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written < 0) return ErrnoError(path_, "write");
  if (static_cast<size_t>(written) != line.size())
    return absl::UnavailableError(
        fmt::format("{}: wrote {} of {} bytes of a record: is the disk full?", path_, written, line.size()));
  if (::fsync(fd_) != 0) return ErrnoError(path_, "sync");
  samples_.insert(record.sample);
  records_.push_back(record);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SampleRecord>> ReadSamples(const std::string& path,
                                                      std::vector<std::string>& problems) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::vector<SampleRecord> records;
  std::unordered_set<std::string> samples;
  const size_t whole = ForEachLine(text, path, [&](std::string_view line, const std::string& where) {
    absl::StatusOr<SampleRecord> record = ParseLine(line, where);
    if (!record.ok())
      problems.emplace_back(record.status().message());
    else if (!samples.insert(record->sample).second)
      problems.push_back(SecondRecord(where, record->sample));
    else
      records.push_back(*std::move(record));
  });
  if (whole < text.size()) problems.push_back(fmt::format("{}: the last line is torn", path));
  return records;
}

}  // namespace kvscope
