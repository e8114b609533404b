#include "eval/report/report_row.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "eval/report/excerpt.h"
#include "eval/report/group_warnings.h"
#include "eval/report/run_labels.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr size_t kExcerptBytes = 120;

std::optional<Miss> FirstMiss(const JudgedRun& run, std::string_view scorer) {
  for (const JudgedSample& sample : run.samples) {
    const std::vector<QuestionScore>& scores = run.Of(sample, scorer).questions;
    for (size_t i = 0; i < std::min(scores.size(), sample.prompt.questions.size()); ++i) {
      const QuestionScore& score = scores[i];
      if (score.verdict == Verdict::kCorrect) continue;
      const std::string_view text = sample.record.text;
      const size_t begin = std::min(score.begin, text.size()),
                   end = std::clamp(score.end, begin, text.size());
      return Miss{.sample = sample.prompt.sample,
                  .number = score.number,
                  .question = Excerpt(sample.prompt.questions[i].question, kExcerptBytes),
                  .gold = score.gold,
                  .output = Excerpt(text.substr(begin, end - begin), kExcerptBytes)};
    }
  }
  return std::nullopt;
}

ReportRow MakeRow(const JudgedRun& run, std::string_view scorer, int questions) {
  ReportRow row;
  row.folder = run.folder;
  row.run = run.run;
  row.score = run.Score(scorer);
  std::vector<double> percents;
  for (const JudgedSample& sample : run.samples) percents.push_back(100 * run.Of(sample, scorer).Fraction());
  row.accuracy = MeanWithInterval(percents);
  row.ledger = MakeLedger(run);
  row.times = MakeTimes(run);
  row.termination = MakeTermination(run);
  if (questions > 0) row.by_index = SliceByIndex(run, scorer, questions);
  row.by_kind = SliceByKind(run, scorer);
  row.by_distance = SliceByDistance(run, scorer);
  row.first_miss = FirstMiss(run, scorer);
  return row;
}

std::string Title(const RunConfig& config) {
  const std::string size = config.length.empty() ? "" : fmt::format("{}, ", config.length);
  const std::string filler = config.filler ? fmt::format(" with {} fillers each", *config.filler) : "";
  return fmt::format("{}, {}{} questions a prompt{}, {}, {}", config.task, size, config.questions, filler,
                     config.model, config.semantics);
}

// The most questions that a prompt of these runs has.
int MostQuestions(const std::vector<JudgedRun>& runs) {
  size_t most = 0;
  for (const JudgedRun& run : runs)
    for (const JudgedSample& sample : run.samples) most = std::max(most, sample.prompt.questions.size());
  return static_cast<int>(most);
}

// Only runs of the same cache type say how much of the uncompressed cache a method holds.
void AddShares(std::vector<ReportRow>& rows) {
  std::map<std::string, double> full_bytes;
  for (const ReportRow& row : rows)
    if (row.run.config.method == kUncompressedMethod && row.ledger)
      full_bytes[row.run.config.kv] = row.ledger->peak_bytes;
  for (ReportRow& row : rows) {
    const auto full = full_bytes.find(row.run.config.kv);
    if (full != full_bytes.end() && full->second > 0 && row.ledger)
      row.kv_share = row.ledger->peak_bytes / full->second;
  }
}

auto Order(const JudgedRun& run) {
  const RunConfig& config = run.run.config;
  return std::tuple(config.method != kUncompressedMethod, config.method, config.prefill_budget.value_or(0),
                    config.window.value_or(0), config.kv, run.folder);
}

}  // namespace

std::vector<ReportGroup> MakeReport(const std::vector<JudgedRun>& runs, std::string_view scorer) {
  std::map<std::string, std::vector<JudgedRun>> by_title;
  for (const JudgedRun& run : runs) by_title[Title(run.run.config)].push_back(run);
  std::vector<ReportGroup> groups;
  for (auto& [title, members] : by_title) {
    std::ranges::sort(members, {}, Order);
    ReportGroup& group = groups.emplace_back();
    group.title = title;
    const int questions = MostQuestions(members);
    for (const JudgedRun& run : members) group.rows.push_back(MakeRow(run, scorer, questions));
    AddShares(group.rows);
    SetLabels(group.rows);
    group.warnings = GroupWarnings(members, group.rows);
  }
  return groups;
}

const ReportRow* FindUncompressed(const ReportGroup& group) {
  const auto found = std::ranges::find_if(group.rows, [](const ReportRow& row) {
    return row.run.config.method == kUncompressedMethod && row.accuracy;
  });
  return found == group.rows.end() ? nullptr : &*found;
}

}  // namespace kvscope
