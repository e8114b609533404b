#include "eval/report/slices.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "eval/stats/clustered_accuracy.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

// The kinds of datasets/arith, as PromptQuestion::kind has them and as a person reads them.
constexpr std::array<std::string_view, 3> kKinds = {"direct", "chained_near", "chained_far"};
constexpr std::array<std::string_view, 3> kKindNames = {"direct", "chained near", "chained far"};

// Distances up to this have a slice each, further ones share one with all up to twice as far.
constexpr int kSingleDistances = 3;
constexpr int kMaxDistance = 127;

// Which slice a question belongs to; nullopt for none.
using SliceOf = std::function<std::optional<size_t>(const PromptQuestion& question, size_t index)>;

// A prompt's questions share one output and are no independent draws: prompts are the clusters.
std::optional<MeanInterval> Percent(const std::vector<ClusterScore>& prompts) {
  constexpr double kConfidence = 0.95;
  const auto accuracy = AccuracyOfClusters(prompts, kConfidence);
  if (!accuracy) return std::nullopt;
  MeanInterval percent{.mean = 100 * accuracy->accuracy, .half_width = std::nullopt};
  if (accuracy->interval) percent.half_width = 100 * (accuracy->interval->high - accuracy->interval->low) / 2;
  return percent;
}

std::vector<Slice> MakeSlices(const JudgedRun& run, std::string_view scorer, std::vector<std::string> names,
                              const SliceOf& slice_of) {
  std::vector<std::vector<ClusterScore>> prompts(names.size());
  for (const JudgedSample& sample : run.samples) {
    const std::vector<QuestionScore>& scores = run.Of(sample, scorer).questions;
    std::vector<ClusterScore> prompt(names.size());
    for (size_t i = 0; i < std::min(scores.size(), sample.prompt.questions.size()); ++i) {
      const std::optional<size_t> at = slice_of(sample.prompt.questions[i], i);
      if (!at) continue;
      ++prompt[*at].questions;
      prompt[*at].correct += scores[i].verdict == Verdict::kCorrect;
    }
    for (size_t s = 0; s < names.size(); ++s)
      if (prompt[s].questions > 0) prompts[s].push_back(prompt[s]);
  }
  std::vector<Slice> slices(names.size());
  for (size_t s = 0; s < slices.size(); ++s) {
    slices[s].name = std::move(names[s]);
    for (const ClusterScore& prompt : prompts[s]) {
      slices[s].questions += prompt.questions;
      slices[s].correct += prompt.correct;
    }
    slices[s].accuracy = Percent(prompts[s]);
  }
  return slices;
}

std::string RangeName(int first, int last) {
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

size_t DistanceSlice(int distance) {
  if (distance <= kSingleDistances) return static_cast<size_t>(distance - 1);
  // 4-7 is the slice behind the single ones, then one for each power of two.
  const auto doublings = static_cast<size_t>(std::bit_width(static_cast<unsigned>(distance)));
  return kSingleDistances + doublings - 3;
}

}  // namespace

std::vector<Slice> SliceByIndex(const JudgedRun& run, std::string_view scorer, int questions) {
  const int count = std::min(questions, kIndexSlices);
  // Slice s begins at question s * questions / count, counted from 0.
  std::vector<std::string> names;
  for (int s = 0; s < count; ++s)
    names.push_back(RangeName(s * questions / count + 1, (s + 1) * questions / count));
  return MakeSlices(run, scorer, std::move(names),
                    [=](const PromptQuestion&, size_t index) -> std::optional<size_t> {
                      const auto at = static_cast<int>(index);
                      if (at >= questions) return std::nullopt;
                      return static_cast<size_t>(((at + 1) * count - 1) / questions);
                    });
}

std::vector<Slice> SliceByKind(const JudgedRun& run, std::string_view scorer) {
  return MakeSlices(run, scorer, {kKindNames.begin(), kKindNames.end()},
                    [](const PromptQuestion& question, size_t) -> std::optional<size_t> {
                      const auto found = std::ranges::find(kKinds, question.kind);
                      if (found == kKinds.end()) return std::nullopt;
                      return static_cast<size_t>(found - kKinds.begin());
                    });
}

std::vector<Slice> SliceByDistance(const JudgedRun& run, std::string_view scorer) {
  std::vector<std::string> names;
  for (int first = 1; first <= kMaxDistance;) {
    const int last = first <= kSingleDistances ? first : 2 * first - 1;
    names.push_back(RangeName(first, last));
    first = last + 1;
  }
  return MakeSlices(run, scorer, std::move(names),
                    [](const PromptQuestion& question, size_t) -> std::optional<size_t> {
                      const int distance = question.number - question.refers.value_or(question.number);
                      if (distance < 1 || distance > kMaxDistance) return std::nullopt;
                      return DistanceSlice(distance);
                    });
}

}  // namespace kvscope
