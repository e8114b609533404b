#include "datasets/raw/csv.h"

#include <algorithm>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  bool AtEnd() const { return rest_.empty(); }

  absl::StatusOr<std::vector<std::string>> Record() {
    std::vector<std::string> fields;
    while (true) {
      if (rest_.starts_with('"')) {
        ASSIGN_OR_RETURN(std::string field, QuotedField());
        fields.push_back(std::move(field));
      } else {
        fields.push_back(PlainField());
      }
      if (TakeLineEnd() || rest_.empty()) return fields;
      if (rest_[0] != ',') return Error(line_, "expected a comma or a line end after a closing quote");
      rest_.remove_prefix(1);
    }
  }

 private:
  // Up to the next comma or line end. A CR that no LF follows belongs to the field.
  std::string PlainField() {
    size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    if (end < rest_.size() && rest_[end] == '\n' && end > 0 && rest_[end - 1] == '\r') --end;
    std::string field(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return field;
  }

  // REQUIRES: rest_ begins with the opening quote.
  absl::StatusOr<std::string> QuotedField() {
    const int opened = line_;
    rest_.remove_prefix(1);
    std::string field;
    while (true) {
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos)
        return Error(opened, "a quoted field begins here and does not end");
      field += rest_.substr(0, quote);
      line_ +=
          static_cast<int>(std::count(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(quote), '\n'));
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) return field;
      field += '"';
      rest_.remove_prefix(1);
    }
  }

  bool TakeLineEnd() {
    const size_t size = rest_.starts_with("\r\n") ? 2 : rest_.starts_with('\n') ? 1 : 0;
    rest_.remove_prefix(size);
    line_ += size > 0 ? 1 : 0;
    return size > 0;
  }

  absl::Status Error(int line, std::string_view what) const {
    return absl::DataLossError(fmt::format("{}:{}: {}", name_, line, what));
  }

  std::string_view rest_;
  std::string_view name_;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<std::vector<std::string>>> ParseCsv(std::string_view text, std::string_view name) {
  CsvReader reader(text, name);
  std::vector<std::vector<std::string>> records;
  while (!reader.AtEnd()) {
    ASSIGN_OR_RETURN(std::vector<std::string> record, reader.Record());
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace kvscope
