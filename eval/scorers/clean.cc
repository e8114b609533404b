#include "eval/scorers/clean.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/scorers/arith_errors.h"
#include "eval/scorers/written_number.h"

namespace kvscope {
namespace {

constexpr std::string_view kHeader = "Answer_";
constexpr std::string_view kMark = "nswer is";  // behind "A" or "a"
constexpr std::string_view kBlanks = " \t\r\n\v\f";
// What models put between "answer is" and the answer: a colon, emphasis, quotes, brackets.
constexpr std::string_view kOrnaments = " \t\r\n:*_`\"'([{";

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// One "Answer_N:" and the text up to the next.
struct Segment {
  int number = 0;
  size_t begin = 0;  // of the header
  size_t body = 0;   // behind its colon
  size_t end = 0;
};

std::vector<Segment> SplitAtHeaders(std::string_view text) {
  std::vector<Segment> segments;
  for (size_t at = 0; (at = text.find(kHeader, at)) != std::string_view::npos;) {
    const size_t begin = at;
    at += kHeader.size();
    int number = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc() || text[at] == '-') continue;
    at = static_cast<size_t>(stop - text.data());
    if (at >= text.size() || text[at] != ':') continue;
    ++at;
    if (!segments.empty()) segments.back().end = begin;
    segments.push_back({number, begin, at, text.size()});
  }
  return segments;
}

struct Answer {
  std::string value;
  size_t end = 0;
};

std::optional<Answer> ReadNumber(std::string_view text, size_t at) {
  std::optional<WrittenNumber> number = ParseWrittenNumber(text, at);
  if (!number) return std::nullopt;
  return Answer{std::move(number->canonical), number->end};
}

// "(B)", "B.", "b)" behind a bracket. A bare letter with a word behind it is an article: "A bank".
std::optional<Answer> ReadLetter(std::string_view text, size_t at) {
  if (at >= text.size()) return std::nullopt;
  const bool bracket = at > 0 && text[at - 1] == '(';
  const char c = text[at];
  const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
  if (!upper && !(lower && bracket)) return std::nullopt;
  const std::string_view rest = text.substr(at + 1);
  if (!rest.empty() && IsAlphanumeric(rest[0])) return std::nullopt;
  if (!bracket && rest.size() > 1 && rest[0] == ' ' && IsAlphanumeric(rest[1])) return std::nullopt;
  return Answer{std::string(1, upper ? c : static_cast<char>(c - 'a' + 'A')), at + 1};
}

std::optional<Answer> ReadAnswer(std::string_view segment, bool letters) {
  for (size_t mark = 0; (mark = segment.find(kMark, mark)) != std::string_view::npos;) {
    const bool whole_word = mark > 0 && (segment[mark - 1] == 'a' || segment[mark - 1] == 'A');
    mark += kMark.size();
    const size_t at = segment.find_first_not_of(kOrnaments, mark);
    if (!whole_word || at == std::string_view::npos || at == mark) continue;
    std::optional<Answer> answer = letters ? ReadLetter(segment, at) : ReadNumber(segment, at);
    if (answer) return answer;
  }
  return std::nullopt;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// `segment` is null where the question's number has no header.
QuestionScore ScoreQuestion(const PromptQuestion& question, const Segment* segment, std::string_view text,
                            bool letters) {
  QuestionScore score;
  score.number = question.number;
  score.kind = question.kind;
  score.gold = question.gold;
  std::string_view body;
  if (segment != nullptr) {
    body = text.substr(segment->body, segment->end - segment->body);
    score.begin = segment->begin;
    score.end = segment->end;
    score.verdict = Verdict::kUnparsable;
    if (std::optional<Answer> answer = ReadAnswer(body, letters)) {
      score.end = segment->body + answer->end;
      score.answer = std::move(answer->value);
      score.verdict = score.answer == score.gold ? Verdict::kCorrect : Verdict::kWrong;
    }
  }
  if (!question.kind.empty()) score.error = ArithError(question, score.verdict, body);
  return score;
}

// Bytes behind the line on which the question with the highest number is answered, blanks at the ends left
// out.
size_t TrailingBytes(const std::vector<QuestionScore>& questions, std::string_view text) {
  const auto last = std::ranges::max_element(questions, {}, &QuestionScore::number);
  if (last == questions.end() || last->verdict == Verdict::kMissing) return 0;
  const size_t line_end = text.find('\n', last->end);
  return line_end == std::string_view::npos ? 0 : Trimmed(text.substr(line_end)).size();
}

}  // namespace

SampleScore ScoreClean(const Prompt& prompt, std::string_view text) {
  const bool letters = prompt.task == "mmlu+" || prompt.task == "csqa+";
  SampleScore score;
  score.sample = prompt.sample;
  std::map<int, Segment> first;
  for (const Segment& segment : SplitAtHeaders(text))
    if (!first.emplace(segment.number, segment).second) ++score.extra_answers;
  size_t known = 0;
  for (const PromptQuestion& question : prompt.questions) {
    const auto segment = first.find(question.number);
    known += segment != first.end() ? 1 : 0;
    score.questions.push_back(
        ScoreQuestion(question, segment != first.end() ? &segment->second : nullptr, text, letters));
  }
  score.extra_answers += static_cast<int>(first.size() - known);
  score.trailing_bytes = TrailingBytes(score.questions, text);
  return score;
}

}  // namespace kvscope
