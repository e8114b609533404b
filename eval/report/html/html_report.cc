#include "eval/report/html/html_report.h"

#include "embedded/report_css.h"
#include "eval/report/charts/palette.h"
#include "eval/report/html/group_section.h"
#include "eval/report/markup.h"
#include "fmt/format.h"
#include "results/build_info.h"

namespace kvscope {
namespace {

constexpr const char* kTitle = "kvscope report";

std::string StyleSheet() {
  return fmt::format(":root{{{}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{}}}}}\n{}",
                     CssProperties(LightPalette()), CssProperties(DarkPalette()), embedded::report_css());
}

void WriteHead(Markup& out) {
  const Element head(out, "head");
  out.Empty("meta", {{"charset", "utf-8"}});
  out.Empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  out.Empty("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  out.Leaf("title", kTitle);
  const Element style(out, "style");
  out.Raw(StyleSheet());
}

std::string GroupAnchor(size_t group) { return fmt::format("g{}", group + 1); }

void WriteHeader(const std::vector<ReportGroup>& groups, Markup& out) {
  const Element header(out, "header");
  out.Leaf("h1", kTitle);
  out.Leaf("p", {{"class", "muted"}},
           "Accuracy, memory and time of KV-cache compression methods. Runs of one group answered the same "
           "questions with the same model.");
  if (groups.size() < 2) return;
  const Element nav(out, "nav", {{"aria-label", "Groups of runs"}});
  const Element list(out, "ul");
  for (size_t i = 0; i < groups.size(); ++i) {
    const Element item(out, "li");
    out.Leaf("a", {{"href", fmt::format("#{}", GroupAnchor(i))}}, groups[i].title);
  }
}

}  // namespace

std::string ToHtml(const std::vector<ReportGroup>& groups, bool with_times) {
  Markup out;
  out.Raw("<!DOCTYPE html>\n");
  {
    const Element html(out, "html", {{"lang", "en"}});
    WriteHead(out);
    const Element body(out, "body");
    out.Leaf("a", {{"class", "skip"}, {"href", "#main"}}, "Skip to the results");
    WriteHeader(groups, out);
    {
      const Element main(out, "main", {{"id", "main"}});
      for (size_t i = 0; i < groups.size(); ++i) WriteGroup(groups[i], GroupAnchor(i), with_times, out);
    }
    const Element footer(out, "footer");
    out.Leaf("p", {{"class", "muted"}}, fmt::format("Written by {}.", VersionText()));
  }
  return out.text();
}

}  // namespace kvscope
