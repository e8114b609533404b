// How often exactly one of two runs answers a question right.
#pragma once

#include <optional>
#include <span>

namespace kvscope {

// Of one cluster (prompt), or summed over several.
struct DiscordantCounts {
  int questions = 0;
  int base_only = 0;       // right in the base only
  int candidate_only = 0;  // right in the candidate only
};

DiscordantCounts Total(std::span<const DiscordantCounts> clusters);

// McNemar's test, exact: two-sided binomial p of `candidate_only` among the discordant questions at 1/2.
// Naive here: it takes the questions of one prompt as independent draws, which they are not, and so is too
// small. 1 where no question is discordant.
double NaiveMcNemarP(const DiscordantCounts& counts);

// The exact test, one-sided: the chance of so many or more in the candidate only where base and candidate are
// alike. Exact where the counts are of independent draws, such as prompts. 1 where none is discordant.
double IncreaseP(const DiscordantCounts& counts);

// McNemar's test for clustered pairs: chi-squared with one degree of freedom over clusters' differences in
// share of right answers (Durkalski, Palesch, Lipsitz and Rust, "Analysis of clustered matched-pair data",
// Statistics in Medicine 22, 2003, equation 3). Asymptotic in the number of clusters: below some 20 rather
// use SignFlipP. nullopt where every cluster's difference is 0. REQUIRES: every cluster has questions.
std::optional<double> ClusteredMcNemarP(std::span<const DiscordantCounts> clusters);

}  // namespace kvscope
