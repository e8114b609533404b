// repetitions.jsonl: how long a run's samples took each time they were generated, where timing was repeated.
// Repetition n of one run and repetition n of another ran close to each other in time, so that a slow spell
// of the machine falls on both.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results/base/append_log.h"
#include "results/sample_record.h"

namespace kvscope {

inline constexpr std::string_view kRepetitionsFile = "repetitions.jsonl";

struct Repetition {
  int repetition = 0;  // 0: the one that made samples.jsonl
  std::string sample;
  TimeRecord time;
};

class RepetitionJournal {
 public:
  // Of the run in `folder`; the caller holds its lock. DataLoss naming file and line: a whole line that is no
  // repetition.
  static absl::StatusOr<std::unique_ptr<RepetitionJournal>> Open(const std::string& folder);

  // On disk when it returns OK. AlreadyExists when it is there.
  absl::Status Append(const Repetition& repetition);
  bool Has(int repetition, const std::string& sample) const { return there_.contains({repetition, sample}); }

 private:
  explicit RepetitionJournal(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::unique_ptr<AppendLog> log_;
  std::set<std::pair<int, std::string>> there_;
};

// In the order of the file; empty when there is none. Lines that are no repetition are described in
// `problems` and left out.
absl::StatusOr<std::vector<Repetition>> ReadRepetitions(const std::string& folder,
                                                        std::vector<std::string>& problems);

}  // namespace kvscope
