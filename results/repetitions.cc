#include "results/repetitions.h"

#include "fmt/format.h"
#include "results/base/json_fields.h"
#include "results/base/seal.h"
#include "results/base/status_macros.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

absl::StatusOr<Repetition> ParseLine(std::string_view line, const std::string& where) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseSealed(line, where));
  const JsonFields fields(json, where);
  Repetition repetition;
  RETURN_IF_ERROR(fields.Read("repetition", repetition.repetition));
  RETURN_IF_ERROR(fields.Read("sample", repetition.sample));
  nlohmann::json time;
  RETURN_IF_ERROR(fields.ReadObject("time", time));
  ASSIGN_OR_RETURN(repetition.time, TimeRecordFromJson(time, fields.Nested("time")));
  return repetition;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RepetitionJournal>> RepetitionJournal::Open(const std::string& folder) {
  const std::string path = RunPath(folder, kRepetitionsFile);
  std::unique_ptr<RepetitionJournal> journal(new RepetitionJournal(path));
  const auto read = [&](std::string_view line, const std::string& where) -> absl::Status {
    ASSIGN_OR_RETURN(const Repetition repetition, ParseLine(line, where));
    journal->there_.emplace(repetition.repetition, repetition.sample);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(journal->log_, AppendLog::Open(path, read));
  return journal;
}

absl::Status RepetitionJournal::Append(const Repetition& repetition) {
  if (Has(repetition.repetition, repetition.sample))
    return absl::AlreadyExistsError(fmt::format("{}: repetition {} of sample '{}' is there already", path_,
                                                repetition.repetition, repetition.sample));
  const nlohmann::json json = {{"schema", kRecordSchema},
                               {"repetition", repetition.repetition},
                               {"sample", repetition.sample},
                               {"time", ToJson(repetition.time)}};
  RETURN_IF_ERROR(log_->Append(SealedLine(json)));
  there_.emplace(repetition.repetition, repetition.sample);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Repetition>> ReadRepetitions(const std::string& folder,
                                                        std::vector<std::string>& problems) {
  std::vector<Repetition> repetitions;
  const auto read = [&](std::string_view line, const std::string& where) -> absl::Status {
    ASSIGN_OR_RETURN(Repetition repetition, ParseLine(line, where));
    repetitions.push_back(std::move(repetition));
    return absl::OkStatus();
  };
  const absl::Status status = ReadLog(RunPath(folder, kRepetitionsFile), read,
                                      [&](std::string message) { problems.push_back(std::move(message)); });
  if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
  return repetitions;
}

}  // namespace kvscope
