#include "results/run_store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::StatusOr<RunRecord> ReadRunFile(const std::string& folder) {
  const std::string path = RunPath(folder, kRunFile);
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadSealedFile(path));
  return RunRecordFromJson(json, path);
}

// DataLoss where a file is not the one that run.json names by its hash.
absl::Status CheckFiles(const std::string& folder, const RunRecord& run) {
  for (const auto& [name, expected] : run.files) {
    const std::string path = RunPath(folder, name);
    const absl::StatusOr<std::string> found = Sha256OfFile(path);
    if (!found.ok() || *found != expected)
      return absl::DataLossError(fmt::format("{}: sha256: expected {}, found {}", path, expected,
                                             found.ok() ? *found : std::string(found.status().message())));
  }
  return absl::OkStatus();
}

// What is wrong with the files that are made from others and may be made anew; one that is absent is not.
std::vector<std::string> DamagedSummaries(const std::string& folder) {
  std::vector<std::string> problems;
  for (const std::string_view file : {kScoresFile, kTimingFile}) {
    const absl::Status status = ReadSealedFile(RunPath(folder, file)).status();
    if (!status.ok() && !absl::IsNotFound(status)) problems.emplace_back(status.message());
  }
  return problems;
}

// Where two configurations differ: "window: 64 there, 128 asked".
std::string Difference(const RunRecord& there, const RunRecord& asked) {
  std::vector<std::string> differences;
  const nlohmann::json a = ToJson(there.config), b = ToJson(asked.config);
  for (const auto& [key, value] : b.items())
    if (a.at(key) != value)
      differences.push_back(fmt::format("{}: {} there, {} asked", key, DumpJson(a.at(key)), DumpJson(value)));
  if (there.model_sha256 != asked.model_sha256) differences.emplace_back("other weights");
  if (there.tokenizer_sha256 != asked.tokenizer_sha256) differences.emplace_back("another tokenizer");
  if (there.data_sha256 != asked.data_sha256) differences.emplace_back("other prompts");
  return fmt::format("{}", fmt::join(differences, "; "));
}

// Whether files of a run are there though run.json is not.
bool HoldsRemains(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(RunPath(folder, kSamplesFile), ignored);
}

nlohmann::json Provenance(const RunRecord& run) {
  return {{"build", run.build},
          {"machine", run.machine},
          {"execution", run.execution},
          {"command_line", run.command_line}};
}

}  // namespace

std::string RunPath(std::string_view folder, std::string_view file) {
  return fmt::format("{}/{}", folder, file);
}

RunStore::RunStore(std::string folder, RunRecord run, std::vector<std::string> samples)
    : folder_(std::move(folder)), run_(std::move(run)), samples_(std::move(samples)) {}

absl::StatusOr<std::unique_ptr<RunStore>> RunStore::Open(const std::string& folder, RunRecord run,
                                                         std::vector<std::string> samples,
                                                         std::string_view prompts) {
  RETURN_IF_ERROR(MakeFolder(folder));
  run.samples_expected = samples.size();
  std::unique_ptr<RunStore> store(new RunStore(folder, std::move(run), std::move(samples)));
  ASSIGN_OR_RETURN(store->lock_, FolderLock::Take(folder));
  absl::StatusOr<RunRecord> there = ReadRunFile(folder);
  if (there.ok()) {
    if (RunId(*there) != RunId(store->run_))
      return absl::AlreadyExistsError(
          fmt::format("{}: holds another run ({})", folder, Difference(*there, store->run_)));
    RETURN_IF_ERROR(CheckFiles(folder, *there));
    there->resumed.push_back(Provenance(store->run_));
    store->run_ = *std::move(there);
  } else if (there.status().code() != absl::StatusCode::kNotFound) {
    return there.status();
  } else if (HoldsRemains(folder)) {
    return absl::AlreadyExistsError(fmt::format("{}: holds {} but no {}", folder, kSamplesFile, kRunFile));
  } else {
    RETURN_IF_ERROR(WriteFileAtomically(RunPath(folder, kPromptsFile), prompts));
    store->run_.files[std::string(kPromptsFile)] = Sha256Hex(prompts);
    RETURN_IF_ERROR(store->WriteRunFile());
  }
  ASSIGN_OR_RETURN(store->journal_, SampleJournal::Open(RunPath(folder, kSamplesFile)));
  for (const SampleRecord& record : store->records())
    if (std::ranges::find(store->samples_, record.sample) == store->samples_.end())
      return absl::DataLossError(
          fmt::format("{}: '{}' is no sample of this run", RunPath(folder, kSamplesFile), record.sample));
  RETURN_IF_ERROR(store->DropFailedSamples());
  return store;
}

bool RunStore::IsFull() const { return journal_->records().size() == samples_.size(); }

absl::Status RunStore::Append(const SampleRecord& record) {
  if (std::ranges::find(samples_, record.sample) == samples_.end())
    return absl::InvalidArgumentError(
        fmt::format("{}: '{}' is no sample of this run", folder_, record.sample));
  return journal_->Append(record);
}

absl::Status RunStore::SetStatus(RunStatus status, const std::string& reason, uint64_t peak_rss_bytes) {
  if (status == RunStatus::kComplete && (!IsFull() || !reason.empty()))
    return absl::FailedPreconditionError(fmt::format("{}: {} of {} samples are there: not complete", folder_,
                                                     records().size(), samples_.size()));
  if (status == RunStatus::kComplete) {
    RETURN_IF_ERROR(SortSamples());
    ASSIGN_OR_RETURN(run_.files[std::string(kSamplesFile)], Sha256OfFile(RunPath(folder_, kSamplesFile)));
  }
  run_.status = status;
  run_.reason = reason;
  run_.peak_rss_bytes = std::max(run_.peak_rss_bytes, peak_rss_bytes);
  return WriteRunFile();
}

absl::Status RunStore::SortSamples() {
  std::map<std::string, const SampleRecord*> by_sample;
  for (const SampleRecord& record : records()) by_sample[record.sample] = &record;
  if (std::ranges::equal(samples_, records(), {}, {}, &SampleRecord::sample)) return absl::OkStatus();
  std::vector<const SampleRecord*> sorted;
  for (const std::string& sample : samples_) sorted.push_back(by_sample.at(sample));
  return Rewrite(sorted);
}

absl::Status RunStore::DropFailedSamples() {
  std::vector<const SampleRecord*> kept;
  for (const SampleRecord& record : records()) {
    if (record.finish != FinishReason::kError) {
      kept.push_back(&record);
    } else if (!record.published_counters.empty()) {
      break;  // later samples counted on from this one
    }
  }
  return kept.size() == records().size() ? absl::OkStatus() : Rewrite(kept);
}

absl::Status RunStore::Rewrite(const std::vector<const SampleRecord*>& kept) {
  std::string lines;
  for (const SampleRecord* record : kept) lines += SealedLine(ToJson(*record)) + "\n";
  const std::string path = RunPath(folder_, kSamplesFile);
  RETURN_IF_ERROR(WriteFileAtomically(path, lines));
  ASSIGN_OR_RETURN(journal_, SampleJournal::Open(path));
  return absl::OkStatus();
}

absl::Status RunStore::WriteRunFile() {
  run_.samples_done = journal_ == nullptr ? 0 : records().size();
  if (run_.status == RunStatus::kPartial && run_.reason.empty()) run_.reason = "not finished";
  return WriteSealedFile(RunPath(folder_, kRunFile), ToJson(run_));
}

absl::StatusOr<RunFolder> ReadRunFolder(const std::string& folder) {
  RunFolder result;
  result.folder = folder;
  ASSIGN_OR_RETURN(result.run, ReadRunFile(folder));
  RETURN_IF_ERROR(CheckFiles(folder, result.run));
  result.problems = DamagedSummaries(folder);
  auto samples = ReadSamples(RunPath(folder, kSamplesFile), result.problems);
  if (samples.ok())
    result.samples = *std::move(samples);
  else if (samples.status().code() != absl::StatusCode::kNotFound)  // a run that died before its first sample
    return samples.status();
  if (result.run.status == RunStatus::kComplete && result.samples.size() != result.run.samples_expected)
    return absl::DataLossError(fmt::format("{}: a complete run: expected {} samples, found {}",
                                           RunPath(folder, kSamplesFile), result.run.samples_expected,
                                           result.samples.size()));
  return result;
}

}  // namespace kvscope
