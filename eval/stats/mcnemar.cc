#include "eval/stats/mcnemar.h"

#include <algorithm>

#include "eval/stats/distributions.h"

namespace kvscope {

DiscordantCounts Total(std::span<const DiscordantCounts> clusters) {
  DiscordantCounts total;
  for (const DiscordantCounts& cluster : clusters) {
    total.questions += cluster.questions;
    total.base_only += cluster.base_only;
    total.candidate_only += cluster.candidate_only;
  }
  return total;
}

double NaiveMcNemarP(const DiscordantCounts& counts) {
  const int discordant = counts.base_only + counts.candidate_only;
  if (discordant == 0) return 1;
  return std::min(1.0, 2 * BinomialCdf(std::min(counts.base_only, counts.candidate_only), discordant, 0.5));
}

double IncreaseP(const DiscordantCounts& counts) {
  const int discordant = counts.base_only + counts.candidate_only;
  return discordant == 0 ? 1 : BinomialCdf(counts.base_only, discordant, 0.5);
}

std::optional<double> ClusteredMcNemarP(std::span<const DiscordantCounts> clusters) {
  double sum = 0, squares = 0;
  for (const DiscordantCounts& cluster : clusters) {
    const double difference =
        static_cast<double>(cluster.candidate_only - cluster.base_only) / cluster.questions;
    sum += difference;
    squares += difference * difference;
  }
  if (squares == 0) return std::nullopt;
  return ChiSquaredTail(sum * sum / squares, 1);
}

}  // namespace kvscope
