// The scorer behind SCOPE's tables (arXiv 2412.13649), its quirks included:
// predictions are paired with golds by order of appearance, whatever their numbers; GSM8K's gold "1,000" is
// "1", and a negative gold is none.
#pragma once

#include <string_view>

#include "datasets/prompt.h"
#include "eval/scorers/score.h"

namespace kvscope {

inline constexpr std::string_view kPublishedScorer = "published";

// Never kUnparsable: what the patterns do not match does not exist for this scorer.
SampleScore ScorePublished(const Prompt& prompt, std::string_view text);

}  // namespace kvscope
