#include "datasets/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json OneEntry() {
  return {{"name", "a"},
          {"kind", "data"},
          {"description", "d"},
          {"licence", "MIT"},
          {"url", "https://h.org/base"},
          {"files", {{{"name", "x/y.txt"}, {"bytes", 3u}, {"sha256", std::string(64, 'a')}}}}};
}

json With(const json& entry) { return {{"schema", 1}, {"entries", {entry}}}; }

void ExpectError(const json& catalog, const std::string& message) {
  const absl::Status status = Catalog::FromJson(catalog).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << catalog;
  EXPECT_THAT(std::string(status.message()), HasSubstr(message));
}

TEST(Catalog, TheBuiltInOneHasWhatTheTasksNeed) {
  const Catalog& catalog = Catalog::BuiltIn();
  EXPECT_EQ((*catalog.Find("gsm8k-test"))->files.size(), 1u);
  EXPECT_EQ((*catalog.Find("mmlu-dev"))->files.size(), 57u);
  EXPECT_EQ((*catalog.Find("mmlu-test"))->files.size(), 57u);
  EXPECT_EQ((*catalog.Find("scope-prompts"))->files.size(), 6u);
  EXPECT_TRUE((*catalog.Find("arith-tiny"))->embedded);
  const CatalogEntry& model = **catalog.Find("smollm2-135m");
  EXPECT_EQ(model.kind, EntryKind::kModel);
  EXPECT_EQ(model.Folder(), "models/smollm2-135m");
  EXPECT_EQ(model.files[0].url.rfind("https://huggingface.co/", 0), 0u);
}

TEST(Catalog, AnUnknownNameListsTheNames) {
  const absl::Status status = Catalog::BuiltIn().Find("gsm9k").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("gsm8k-test"));
}

TEST(Catalog, ReadsAnEntry) {
  const auto catalog = Catalog::FromJson(With(OneEntry()));
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const CatalogFile& file = catalog->entries()[0].files[0];
  EXPECT_EQ(file.url, "https://h.org/base/x/y.txt");
  EXPECT_EQ(file.bytes, 3u);
  EXPECT_EQ(catalog->entries()[0].Folder(), "data/a");
}

TEST(Catalog, WhatIsWrongIsNamed) {
  ExpectError(json::array(), "expected an object");
  ExpectError({{"schema", 2}, {"entries", json::array()}}, "schema: expected 1, found 2");
  ExpectError({{"schema", 1}, {"entries", {OneEntry(), OneEntry()}}}, "entries[1]: name");
  const auto expect_field_error = [](const char* field, const json& value, const std::string& message) {
    json entry = OneEntry();
    entry[field] = value;
    ExpectError(With(entry), message);
  };
  expect_field_error("colour", "red", "unknown key colour");
  expect_field_error("name", "../a", "name: expected a name without slashes");
  expect_field_error("kind", "thing", "kind: expected data or model");
  expect_field_error("url", "http://h.org", "url: expected https://");
  expect_field_error("files", json::array(), "exactly one of them");
  expect_field_error("embedded", true, "exactly one of them");
  expect_field_error("embedded", "yes", "embedded: expected true or false");
  const auto expect_file_error = [](const char* field, const json& value, const std::string& message) {
    json entry = OneEntry();
    entry["files"][0][field] = value;
    ExpectError(With(entry), message);
  };
  expect_file_error("name", "../../etc/passwd", "name: expected a path inside its folder");
  expect_file_error("name", "/etc/passwd", "name: expected a path inside its folder");
  expect_file_error("sha256", std::string(64, 'A'), "sha256: expected 64 lower-case hex digits");
  expect_file_error("sha256", 5, "sha256: expected a string");
  expect_file_error("bytes", 0u, "bytes: expected a positive integer");
  expect_file_error("bytes", -3, "bytes: expected a positive integer");
}

}  // namespace
}  // namespace kvscope
