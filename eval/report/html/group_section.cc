#include "eval/report/html/group_section.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "eval/report/html/group_charts.h"
#include "eval/report/html/html_table.h"
#include "eval/report/summary.h"
#include "eval/report/tables/tables.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using Draw = bool (*)(const ReportGroup& group, const std::string& id, Markup& out);

// A part of the page: a picture, a table, or both.
struct Section {
  std::string id;
  std::string title;
  std::string picture;  // markup; empty for none
  bool is_panels = false;
  std::optional<ReportTable> table;
};

std::string Picture(const ReportGroup& group, const std::string& anchor, const std::string& id, Draw draw) {
  Markup picture;
  return draw(group, fmt::format("{}-{}-picture", anchor, id), picture) ? picture.text() : std::string();
}

std::vector<Section> Sections(const ReportGroup& group, const std::string& anchor, bool with_times) {
  std::vector<Section> sections;
  const auto picture = [&](const std::string& id, Draw draw) { return Picture(group, anchor, id, draw); };
  const auto add = [&](std::optional<ReportTable> table, Draw draw = nullptr, bool is_panels = false) {
    if (!table) return;
    const std::string id = table->id, title = table->title;
    sections.push_back(
        {id, title, draw == nullptr ? std::string() : picture(id, draw), is_panels, std::move(table)});
  };
  const auto add_picture = [&](const std::string& id, const std::string& title, Draw draw) {
    std::string markup = picture(id, draw);
    if (!markup.empty()) sections.push_back({id, title, std::move(markup), false, std::nullopt});
  };
  add(RunsTable(group, with_times));
  add_picture("accuracy-kv", "Accuracy against memory", DrawAccuracyAgainstBytes);
  if (with_times) add_picture(std::string(kStepSection), "Accuracy against latency", DrawAccuracyAgainstStep);
  add(WindowTable(group));
  add(IndexTable(group), DrawAlongOutput, true);
  add(KindTable(group), DrawByKind);
  add(DistanceTable(group), DrawByDistance, true);
  add(TerminationTable(group), DrawTermination);
  if (with_times) add(TimesTable(group), DrawTimes);
  add(LedgerTable(group), DrawLedger);
  add(MissTable(group));
  return sections;
}

std::string SectionAnchor(const std::string& anchor, std::string_view id) {
  return fmt::format("{}-{}", anchor, id);
}

void WriteSection(const Section& section, const std::string& anchor, Markup& out) {
  const std::string id = SectionAnchor(anchor, section.id);
  const Element element(out, "section",
                        {{"class", section.table ? "whole" : "half"}, {"aria-labelledby", id}});
  out.Leaf("h3", {{"id", id}}, section.title);
  if (section.is_panels) {
    out.Raw(section.picture);
  } else if (!section.picture.empty()) {
    const Element figure(out, "figure",
                         {{"class", "scroll"}, {"tabindex", "0"}, {"aria-label", section.title}});
    out.Raw(section.picture);
  }
  if (section.table) WriteTable(*section.table, id + "-table", out);
}

void WriteSummary(const ReportGroup& group, const std::string& anchor, const std::vector<Section>& sections,
                  Markup& out) {
  const Element element(out, "section", {{"class", "summary"}, {"aria-labelledby", anchor + "-summary"}});
  out.Leaf("h3", {{"id", anchor + "-summary"}}, "Summary");
  {
    const Element list(out, "ul");
    for (const SummarySentence& sentence : Summarize(group)) {
      const bool shown = sentence.section == kProvenanceSection ||
                         std::ranges::find(sections, sentence.section, &Section::id) != sections.end();
      if (!shown) continue;
      const Element item(out, "li");
      out.Text(sentence.text + " ");
      out.Leaf("a", {{"href", fmt::format("#{}", SectionAnchor(anchor, sentence.section))}}, "Details");
    }
  }
}

void WriteWarnings(const ReportGroup& group, const std::string& anchor, Markup& out) {
  if (group.warnings.empty()) return;
  const std::string id = anchor + "-warnings";
  const Element element(out, "section", {{"class", "warnings"}, {"aria-labelledby", id}});
  out.Leaf("h3", {{"id", id}}, fmt::format("Warnings ({})", group.warnings.size()));
  const Element list(out, "ul");
  for (const ReportWarning& warning : group.warnings) {
    std::string subject = warning.rows.size() == group.rows.size() || warning.rows.empty() ? "All runs" : "";
    if (subject.empty())
      for (const size_t row : warning.rows)
        subject += fmt::format("{}{}", subject.empty() ? "" : ", ", group.rows[row].label);
    const Element item(out, "li");
    out.Leaf("b", subject);
    out.Text(": " + warning.message + ".");
  }
}

void WriteContents(const std::string& anchor, const std::vector<Section>& sections, const std::string& title,
                   Markup& out) {
  const Element nav(out, "nav", {{"class", "contents"}, {"aria-label", "Sections of " + title}});
  const Element list(out, "ul");
  const auto entry = [&](std::string_view id, std::string_view name) {
    const Element item(out, "li");
    out.Leaf("a", {{"href", fmt::format("#{}", SectionAnchor(anchor, id))}}, name);
  };
  for (const Section& section : sections) entry(section.id, section.title);
  entry(kProvenanceSection, "Provenance");
}

void WriteProvenance(const ReportGroup& group, const std::string& anchor, Markup& out) {
  const std::string id = SectionAnchor(anchor, kProvenanceSection);
  const Element element(out, "section", {{"aria-labelledby", id}});
  out.Leaf("h3", {{"id", id}}, "Provenance");
  {
    const Element list(out, "dl", {{"class", "facts"}});
    for (const ProvenanceFact& fact : SharedProvenance(group)) {
      out.Leaf("dt", fact.name);
      out.Leaf("dd", fact.value);
    }
  }
  WriteTable(ProvenanceTable(group), id + "-table", out);
}

}  // namespace

void WriteGroup(const ReportGroup& group, const std::string& anchor, bool with_times, Markup& out) {
  const std::vector<Section> sections = Sections(group, anchor, with_times);
  const Element element(out, "section", {{"class", "group"}, {"aria-labelledby", anchor}});
  out.Leaf("h2", {{"id", anchor}}, group.title);
  WriteSummary(group, anchor, sections, out);
  WriteWarnings(group, anchor, out);
  WriteContents(anchor, sections, group.title, out);
  for (const Section& section : sections) WriteSection(section, anchor, out);
  WriteProvenance(group, anchor, out);
}

}  // namespace kvscope
