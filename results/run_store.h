// A run's folder: run.json, prompts.jsonl, samples.jsonl. Written by one process at a time, resumable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results/folder_lock.h"
#include "results/journal.h"
#include "results/run_record.h"

namespace kvscope {

inline constexpr std::string_view kRunFile = "run.json";
inline constexpr std::string_view kPromptsFile = "prompts.jsonl";  // what was asked, with the golds
inline constexpr std::string_view kSamplesFile = "samples.jsonl";
inline constexpr std::string_view kScoresFile = "scores.json";
inline constexpr std::string_view kTimingFile = "timing.json";

std::string RunPath(std::string_view folder, std::string_view file);

class RunStore {
 public:
  // Creates the folder, or goes on with the run that it holds when that has the run id of `run`: samples that
  // ended in an error (of memory that was short then, say) are to be generated again, and with them those
  // that counted on from them. `samples` are the ids the run must have to be complete, `prompts` the content
  // of prompts.jsonl. AlreadyExists, and nothing is changed, when the folder holds another run, files of a
  // run without its run.json, or is being written by another process.
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(const std::string& folder, RunRecord run,
                                                        std::vector<std::string> samples,
                                                        std::string_view prompts);

  const RunRecord& run() const { return run_; }
  const std::string& folder() const { return folder_; }
  const std::vector<SampleRecord>& records() const { return journal_->records(); }
  bool Has(const std::string& sample) const { return journal_->Has(sample); }
  // Every sample of the run has its record.
  bool IsFull() const;

  // InvalidArgument: not a sample of this run. AlreadyExists: it has its record.
  absl::Status Append(const SampleRecord& record);

  // Writes run.json as it stands. A complete run's records are put in the order of its samples, so that the
  // file does not tell how the run was batched or interrupted. FailedPrecondition for kComplete where a
  // sample is missing or `reason` is given.
  absl::Status SetStatus(RunStatus status, const std::string& reason, uint64_t peak_rss_bytes);

 private:
  RunStore(std::string folder, RunRecord run, std::vector<std::string> samples);
  absl::Status SortSamples();
  absl::Status DropFailedSamples();
  absl::Status Rewrite(const std::vector<const SampleRecord*>& kept);
  absl::Status WriteRunFile();

  const std::string folder_;
  RunRecord run_;
  const std::vector<std::string> samples_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<SampleJournal> journal_;
};

// A run as far as it can be read.
struct RunFolder {
  std::string folder;
  RunRecord run;
  std::vector<SampleRecord> samples;
  std::vector<std::string> problems;  // bad lines of samples.jsonl, "path:line: ..."; damaged summaries
};

// NotFound when `folder` holds no run.json. DataLoss, naming the file, what was expected and what was found,
// when that is damaged, a file is not the one it names, or a complete run lacks a sample: nothing of such a
// run is used.
absl::StatusOr<RunFolder> ReadRunFolder(const std::string& folder);

}  // namespace kvscope
