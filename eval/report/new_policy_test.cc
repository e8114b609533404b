// A policy is a value: one that no registry lists runs through engine, account, records and report like any
// other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "eval/report/report_row.h"
#include "eval/report/text/markdown.h"
#include "eval/run/cell.h"
#include "eval/run/run_cells.h"
#include "eval/score/score_folder.h"
#include "eval/testing/run_program.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Keeps the output's heavy hitters over all steps beside the whole prompt.
constexpr DecodePolicy kOutputHitters = {.name = "output-hitters",
                                         .source = "this test",
                                         .purpose = "to be new",
                                         .rank = DecodePolicy::Rank::kAccumulatedAttention,
                                         .protects_prefill = true};

TEST(NewPolicy, RunsThroughEngineRecordsAndReport) {
  const TemporaryFolder folder;
  ASSERT_EQ(::setenv("KVSCOPE_CACHE", (folder / "cache").c_str(), /*overwrite=*/1), 0);
  auto fetch = FetchOptionsFromEnvironment();
  ASSERT_TRUE(fetch.ok()) << fetch.status();
  RunRequest request;
  request.model = "arith-tiny";
  request.task = "arith+";
  request.questions = 8;
  request.limit = 2;
  request.method = "full+slide";
  request.window = 32;
  request.recent = 16;
  const Fetcher fetcher(*std::move(fetch));
  auto cell = CellMaker(fetcher, {}).Make(request);
  ASSERT_TRUE(cell.ok()) << cell.status();
  cell->method.decode = &kOutputHitters;
  cell->run.config.method = cell->method.Name();

  {
    auto store = OpenRun(*cell, folder / "run");
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::Status status = RunCell(*cell, **store, {});
    ASSERT_TRUE(status.ok()) << status;
  }
  const auto run = JudgeRun(folder / "run");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(run->problems, IsEmpty());
  EXPECT_EQ(run->run.config.method, "full+output-hitters");
  ASSERT_EQ(run->samples.size(), 2u);
  for (const JudgedSample& sample : run->samples) {
    EXPECT_GT(sample.record.kv->evictions, 0u);
    EXPECT_GT(sample.record.kv->score_bytes, 0u);
  }
  const auto report = MakeReport({*run}, "clean");
  EXPECT_GT(report[0].rows[0].ledger->evictions, 0);
  EXPECT_THAT(ToMarkdown(report, false), HasSubstr("full+output-hitters"));
}

}  // namespace
}  // namespace kvscope
