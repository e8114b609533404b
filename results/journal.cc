#include "results/journal.h"

#include <string_view>

#include "fmt/format.h"
#include "results/base/seal.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::Status SecondRecord(const std::string& where, const std::string& sample) {
  return absl::DataLossError(fmt::format("{}: sample '{}' has a record already", where, sample));
}

// Reads a line into `records`, each sample once.
absl::Status ReadRecord(std::string_view line, const std::string& where,
                        std::unordered_set<std::string>& samples, std::vector<SampleRecord>& records) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseSealed(line, where));
  ASSIGN_OR_RETURN(SampleRecord record, SampleRecordFromJson(json, where));
  if (!samples.insert(record.sample).second) return SecondRecord(where, record.sample);
  records.push_back(std::move(record));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SampleJournal>> SampleJournal::Open(const std::string& path) {
  std::unique_ptr<SampleJournal> journal(new SampleJournal(path));
  ASSIGN_OR_RETURN(journal->log_, AppendLog::Open(path, [&](std::string_view line, const std::string& where) {
                     return ReadRecord(line, where, journal->samples_, journal->records_);
                   }));
  return journal;
}

absl::Status SampleJournal::Append(const SampleRecord& record) {
  if (Has(record.sample))
    return absl::AlreadyExistsError(std::string(SecondRecord(path_, record.sample).message()));
  RETURN_IF_ERROR(log_->Append(SealedLine(ToJson(record))));
  samples_.insert(record.sample);
  records_.push_back(record);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SampleRecord>> ReadSamples(const std::string& path,
                                                      std::vector<std::string>& problems) {
  std::vector<SampleRecord> records;
  std::unordered_set<std::string> samples;
  RETURN_IF_ERROR(ReadLog(
      path,
      [&](std::string_view line, const std::string& where) {
        return ReadRecord(line, where, samples, records);
      },
      [&](std::string message) { problems.push_back(std::move(message)); }));
  return records;
}

}  // namespace kvscope
