// How the published MMLU+ files came to be, defects included, written down once. They are reproduced by the
// published variant and absent from the clean one:
//
//   option_read_as_missing       an option spelt "None" (or another word that pandas takes for a missing
//   value) was
//                                printed as "nan"
//   question_not_of_its_key      the questions of a subject were joined by blank lines and parted at blank
//   lines, so
//                                a question that holds one fell apart, and every later question of its
//                                subject moved away from its answer key
//   options_without_space        options were joined without a space: "(A) x(B) y"
//   example_last_option_missing  the worked examples were cut out of their file up to "(D)", without the text
//   of D example_number_skipped       questions are numbered from 6, also after four examples
//   subject_not_named            the instruction ends in "about ", and the subject does not follow
//   prompt_not_run               four long prompts were left out of every run
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/prompt.h"

namespace kvscope {

inline constexpr int kPublishedMmluFirstNumber = 6;

// Index of a subject, in alphabetical order, whose prompt no published run contains:
// high_school_european_history, high_school_us_history, high_school_world_history, professional_law.
inline constexpr std::array<size_t, 4> kPublishedMmluNotRun = {21, 30, 31, 48};

// Whether pandas.read_csv takes the word for a missing value by default.
bool IsPandasMissing(std::string_view word);

// One question as it was printed before the questions were joined.
std::string PublishedMmluQuestion(const Example& example);

// The pieces that became the questions of a subject. Piece i was paired with the answer of example i.
std::vector<std::string> PublishedMmluPieces(const std::vector<Example>& examples);

// The worked examples at the head of a prompt, made from the subject's text in the examples file.
std::string PublishedMmluExamples(std::string_view text);

}  // namespace kvscope
