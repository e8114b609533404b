#include "runtime/cache/entry_scores.h"

#include <algorithm>
#include <cmath>

#include "runtime/methods/random_score.h"

namespace kvscope {
namespace {

void ScoreByNovelty(std::span<const float> likeness, std::span<float> scores) {
  float most = 0;
  for (float score : scores) most = std::max(most, score);
  for (size_t slot = 0; slot < scores.size(); ++slot) {
    const float attention = most > 0 ? scores[slot] / most : 0;
    scores[slot] = kAttentionWeight * attention - (1 - kAttentionWeight) * likeness[slot];
  }
}

}  // namespace

bool LooksAtAttention(DecodePolicy::Rank rank) {
  switch (rank) {
    case DecodePolicy::Rank::kNever:
    case DecodePolicy::Rank::kArrival:
    case DecodePolicy::Rank::kKeyDistinctness:
    case DecodePolicy::Rank::kRandom:
      return false;
    case DecodePolicy::Rank::kAttention:
    case DecodePolicy::Rank::kAccumulatedAttention:
    case DecodePolicy::Rank::kLayerAttention:
    case DecodePolicy::Rank::kNovelty:
      return true;
  }
  return true;
}

bool LooksAtKeys(DecodePolicy::Rank rank) {
  return rank == DecodePolicy::Rank::kKeyDistinctness || rank == DecodePolicy::Rank::kNovelty;
}

void ScoreEntries(const Method& method, HeadIndex index, HeadCache& cache, size_t first,
                  std::span<float> scores, std::span<const float> likeness) {
  std::vector<float> computed;
  if (LooksAtKeys(method.decode->rank) && likeness.empty()) likeness = computed = LikenessToMeanKey(cache);
  switch (method.decode->rank) {
    case DecodePolicy::Rank::kNever:
    case DecodePolicy::Rank::kArrival:
    case DecodePolicy::Rank::kAttention:
    case DecodePolicy::Rank::kLayerAttention:
      return;
    case DecodePolicy::Rank::kAccumulatedAttention: {
      if (!method.AccumulatesAttention()) return;
      const std::span<float> accumulated = cache.accumulated();
      for (size_t slot = first; slot < scores.size(); ++slot)
        scores[slot] = accumulated[slot] += scores[slot];
      return;
    }
    case DecodePolicy::Rank::kKeyDistinctness:
      for (size_t slot = 0; slot < scores.size(); ++slot) scores[slot] = -likeness[slot];
      return;
    case DecodePolicy::Rank::kNovelty:
      return ScoreByNovelty(likeness, scores);
    case DecodePolicy::Rank::kRandom:
      for (size_t slot = first; slot < scores.size(); ++slot) {
        scores[slot] = RandomScore(method.budgets.seed, index.layer, index.head, cache.positions()[slot]);
      }
      return;
  }
}

std::vector<float> LikenessToMeanKey(const HeadCache& cache) {
  const size_t head_dim = cache.head_dim(), slots = cache.size();
  std::vector<float> keys(slots * head_dim), value(head_dim);
  std::vector<double> sum(head_dim);
  for (size_t slot = 0; slot < slots; ++slot) {
    float* key = &keys[slot * head_dim];
    cache.Load(static_cast<int>(slot), key, value.data());
    double squares = 0;
    for (size_t d = 0; d < head_dim; ++d) squares += double{key[d]} * key[d];
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (size_t d = 0; d < head_dim; ++d) {
      key[d] = static_cast<float>(key[d] * scale);
      sum[d] += key[d];
    }
  }
  double squares = 0;
  for (double part : sum) squares += part * part;
  const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
  std::vector<float> likeness(slots);
  for (size_t slot = 0; slot < slots; ++slot) {
    double dot = 0;
    for (size_t d = 0; d < head_dim; ++d) dot += keys[slot * head_dim + d] * sum[d];
    likeness[slot] = static_cast<float>(dot * scale);
  }
  return likeness;
}

void ShareLayerAttention(std::span<const HeadCache> caches, std::span<const std::span<float>> scores) {
  bool all_hold_the_same = true;
  for (size_t h = 0; h < caches.size(); ++h) {
    all_hold_the_same &= scores[h].size() == caches[h].slots() &&
                         std::ranges::equal(caches[h].positions(), caches.front().positions());
  }
  if (all_hold_the_same) {
    const std::span<float> mean = scores.front();
    for (const std::span<float> other : scores.subspan(1)) {
      for (size_t slot = 0; slot < mean.size(); ++slot) mean[slot] += other[slot];
    }
    for (float& score : mean) score /= static_cast<float>(caches.size());
    for (const std::span<float> other : scores.subspan(1)) std::ranges::copy(mean, other.begin());
    return;
  }
  struct Received {
    float sum = 0;
    int heads = 0;
  };
  std::vector<Received> by_position;
  for (size_t h = 0; h < caches.size(); ++h) {
    for (size_t slot = 0; slot < scores[h].size(); ++slot) {
      const auto position = static_cast<size_t>(caches[h].positions()[slot]);
      if (by_position.size() <= position) by_position.resize(position + 1);
      by_position[position].sum += scores[h][slot];
      ++by_position[position].heads;
    }
  }
  for (size_t h = 0; h < caches.size(); ++h) {
    for (size_t slot = 0; slot < scores[h].size(); ++slot) {
      const Received& received = by_position[static_cast<size_t>(caches[h].positions()[slot])];
      scores[h][slot] = received.sum / static_cast<float>(received.heads);
    }
  }
}

}  // namespace kvscope
