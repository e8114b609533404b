#include "datasets/published/mmlu_rules.h"

#include <algorithm>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr size_t kNotFound = std::string_view::npos;

// The default of read_csv's na_values in pandas 2.
constexpr std::array<std::string_view, 19> kPandasMissing = {
    "",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null"};

// Every shortest stretch of `text` that begins with `begin`, then holds `middle`, then ends with `end`, from
// left to right and without overlap. An empty `middle` is always held.
std::vector<std::string_view> Stretches(std::string_view text, std::string_view begin,
                                        std::string_view middle, std::string_view end) {
  std::vector<std::string_view> found;
  for (size_t from = text.find(begin); from != kNotFound; from = text.find(begin, from)) {
    size_t to = text.find(middle, from + begin.size());
    if (to != kNotFound) to = text.find(end, to + middle.size());
    if (to == kNotFound) break;
    to += end.size();
    found.push_back(text.substr(from, to - from));
    from = to;
  }
  return found;
}

std::string_view WithoutPrefix(std::string_view text, std::string_view prefix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

}  // namespace

bool IsPandasMissing(std::string_view word) {
  return std::find(kPandasMissing.begin(), kPandasMissing.end(), word) != kPandasMissing.end();
}

std::string PublishedMmluQuestion(const Example& example) {
  std::string text = fmt::format("{}\n", example.question);
  for (size_t i = 0; i < example.options.size(); ++i) {
    const std::string option = IsPandasMissing(example.options[i]) ? "nan" : example.options[i];
    text += fmt::format("({}) {}", static_cast<char>('A' + i), option);
  }
  return text;
}

std::vector<std::string> PublishedMmluPieces(const std::vector<Example>& examples) {
  constexpr std::string_view kBlankLine = "\n\n";
  std::string joined;
  for (const Example& example : examples) joined.append(PublishedMmluQuestion(example)).append(kBlankLine);
  std::vector<std::string> pieces;
  for (size_t begin = 0; begin < joined.size();) {
    const size_t end = std::min(joined.find(kBlankLine, begin), joined.size());
    pieces.push_back(joined.substr(begin, end - begin));
    begin = end + kBlankLine.size();
  }
  return pieces;
}

std::string PublishedMmluExamples(std::string_view text) {
  const auto questions = Stretches(text, "Q:", "", "(D)");
  const auto answers = Stretches(text, "A:", "The answer is", ")");
  std::string examples;
  for (size_t i = 0; i < questions.size(); ++i)
    examples += fmt::format("Question_{}:\n{}\n\n", i + 1, WithoutPrefix(questions[i], "Q: "));
  for (size_t i = 0; i < answers.size(); ++i)
    examples += fmt::format("Answer_{}:\n{}\n\n", i + 1, WithoutPrefix(answers[i], "A: "));
  return examples;
}

}  // namespace kvscope
