// The tables of a group of runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/report/report_row.h"
#include "eval/report/tables/report_table.h"

namespace kvscope {

// Every run, with the columns of report_columns.h. `with_times` false leaves out what differs from run to
// run.
ReportTable RunsTable(const ReportGroup& group, bool with_times);

// The same for a paper: fewer columns, accuracy and interval in one.
ReportTable PaperTable(const ReportGroup& group, bool with_times);

// What each run is and where it was made; what all runs share is left to SharedProvenance.
ReportTable ProvenanceTable(const ReportGroup& group);

ReportTable TerminationTable(const ReportGroup& group);

// The rest are nullopt where no run of the group has what they show.

// Accuracy, a line a method and prefill budget, a column a window.
std::optional<ReportTable> WindowTable(const ReportGroup& group);

std::optional<ReportTable> IndexTable(const ReportGroup& group);
std::optional<ReportTable> KindTable(const ReportGroup& group);
std::optional<ReportTable> DistanceTable(const ReportGroup& group);

std::optional<ReportTable> LedgerTable(const ReportGroup& group);
std::optional<ReportTable> TimesTable(const ReportGroup& group);

// The first question that each run did not answer right.
std::optional<ReportTable> MissTable(const ReportGroup& group);

struct ProvenanceFact {
  std::string name;
  std::string value;
};

// Model, data, semantics, scorer, machine, build: where runs differ, every value.
std::vector<ProvenanceFact> SharedProvenance(const ReportGroup& group);

}  // namespace kvscope
