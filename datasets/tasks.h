// One builder a task of the LongGenBench kind. Each reads its raw files through the Fetcher's cache and makes
// every prompt there is, in the order of the data set.
#pragma once

#include "absl/status/statusor.h"
#include "datasets/fetch.h"
#include "datasets/longgenbench.h"

namespace kvscope {

enum class Variant { kClean, kPublished };

// Test questions in order, numbered from 9. The texts of both variants are the same; what was published
// wrongly is the reading of the gold answer, which `defects` counts.
absl::StatusOr<BuiltTask> BuildGsm8k(Variant variant, const PromptSize& size, const Fetcher& fetcher);

// Validation questions in order, numbered from 6; the published sets stop after 1200.
absl::StatusOr<BuiltTask> BuildCsqa(Variant variant, const PromptSize& size, const Fetcher& fetcher);

// One prompt a subject, of its first test questions; subjects with fewer questions than asked for are left
// out.
absl::StatusOr<BuiltTask> BuildMmlu(Variant variant, const PromptSize& size, const Fetcher& fetcher);

}  // namespace kvscope
