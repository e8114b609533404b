#include "eval/scorers/arith_errors.h"

#include "fmt/format.h"

namespace kvscope {
namespace {

// What stands before "=", its blanks made single.
std::string Expression(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, text.find('='))) {
    const bool blank = c == ' ' || c == '\n';
    if (!blank) out.push_back(c);
    if (blank && !out.empty() && out.back() != ' ') out.push_back(' ');
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// PromptQuestion::question is "42 + 5?" or "A3 - 4?"; a chained answer writes the value behind the reference.
std::string ExpectedExpression(const PromptQuestion& question) {
  const std::string_view asked = question.question;
  std::string expression = Expression(asked.substr(0, asked.find('?')));
  if (!question.refers || !question.value) return expression;
  const std::string reference = fmt::format("A{} ", *question.refers);
  if (expression.rfind(reference, 0) == 0)
    expression.insert(reference.size(), fmt::format("{} ", *question.value));
  return expression;
}

}  // namespace

std::string ArithError(const PromptQuestion& question, Verdict verdict, std::string_view body) {
  if (verdict == Verdict::kCorrect) return "";
  if (verdict != Verdict::kWrong) return "format";
  return Expression(body) == ExpectedExpression(question) ? "arithmetic" : "lookup";
}

}  // namespace kvscope
