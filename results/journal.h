// samples.jsonl: one record a line, only ever appended to, each line on disk before the next sample begins.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results/base/append_log.h"
#include "results/sample_record.h"

namespace kvscope {

class SampleJournal {
 public:
  // Reads what is there, as AppendLog does. DataLoss naming file and line: a whole line that is no record, or
  // a second record of one sample.
  static absl::StatusOr<std::unique_ptr<SampleJournal>> Open(const std::string& path);

  // AlreadyExists when the sample has a record.
  absl::Status Append(const SampleRecord& record);

  const std::vector<SampleRecord>& records() const { return records_; }
  bool Has(const std::string& sample) const { return samples_.contains(sample); }

 private:
  explicit SampleJournal(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::unique_ptr<AppendLog> log_;
  std::vector<SampleRecord> records_;
  std::unordered_set<std::string> samples_;
};

// The same file, read only, for what can be used of it: lines that are no record (the torn last one too) and
// second records of a sample are described in `problems` ("path:line: ...") and left out. NotFound when
// absent.
absl::StatusOr<std::vector<SampleRecord>> ReadSamples(const std::string& path,
                                                      std::vector<std::string>& problems);

}  // namespace kvscope
