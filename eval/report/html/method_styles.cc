#include "eval/report/html/method_styles.h"

namespace kvscope {

std::map<std::string, SeriesStyle> MethodStyles(const ReportGroup& group) {
  std::map<std::string, SeriesStyle> styles;
  int next = 0;
  for (const ReportRow& row : group.rows) {
    const std::string& method = row.run.config.method;
    if (styles.contains(method)) continue;
    styles[method] = method == kUncompressedMethod ? kReferenceStyle : SeriesStyle::Of(next++);
  }
  return styles;
}

}  // namespace kvscope
