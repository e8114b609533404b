// Published predictions of SCOPE (arXiv 2412.13649, folder results_longgenbench_4K of its repository) as run
// folders: what `run` would have written, as far as the files tell.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

struct ImportedRun {
  std::string source;  // prediction file
  std::string folder;  // run folder
  size_t samples = 0;
};

// Imports every .json file below `folder`. A run that is there already, from the same file, is left as it is.
// NotFound when there is none; the errors of ParseScopePath and ReadScopePredictions; AlreadyExists when a
// run folder holds another run.
absl::StatusOr<std::vector<ImportedRun>> ImportScope(const std::string& folder,
                                                     const std::string& out_folder);

}  // namespace kvscope
