#include "datasets/fetch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "datasets/url.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/sha256.h"

namespace kvscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// testdata/fault_server.py as a child process; it ends when its standard input does.
class FaultServer {
 public:
  explicit FaultServer(const std::string& log) {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(to_child[0], STDIN_FILENO);
      ::dup2(from_child[1], STDOUT_FILENO);
      ::execlp("python3", "python3", KVSCOPE_FAULT_SERVER, log.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    stdin_ = to_child[1];
    FILE* const out = ::fdopen(from_child[0], "r");
    if (std::fscanf(out, "%d", &port_) != 1) port_ = 0;
    std::fclose(out);
  }
  ~FaultServer() {
    if (stdin_ >= 0) ::close(stdin_);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
  }
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  int port() const { return port_; }

 private:
  pid_t child_ = -1;
  int stdin_ = -1;
  int port_ = 0;
};

std::string Body() {
  std::string body;
  for (int i = 0; i < 100000; ++i) body += static_cast<char>((i * 7 + 3) % 251);
  return body;
}

class FetchTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = testing::TempDir() + "kvscope_fetch_test_" + std::to_string(::getpid());
    ASSERT_TRUE(MakeFolder(root_).ok());
    server_ = new FaultServer(root_ + "/log");
  }
  static void TearDownTestSuite() {
    delete server_;
    std::filesystem::remove_all(root_);
  }

  void SetUp() override {
    if (server_->port() == 0) GTEST_SKIP() << "python3 is absent: the faulty HTTP server cannot be started";
    std::filesystem::resize_file(root_ + "/log", 0, error_);
    options_.cache_folder =
        fmt::format("{}/{}", root_, testing::UnitTest::GetInstance()->current_test_info()->name());
    options_.mirror = fmt::format("http://127.0.0.1:{}/", server_->port());
    options_.first_delay = std::chrono::milliseconds(1);
    options_.transfer.allow_loopback_http = true;
  }

  // An entry of one file, whose name is the fault asked for.
  static CatalogEntry Entry(const std::string& fault) {
    CatalogEntry entry;
    entry.name = "faults";
    entry.files.push_back({.name = fault,
                           .url = fmt::format("https://host.test/{}", fault),
                           .sha256 = Sha256Hex(Body()),
                           .bytes = Body().size()});
    return entry;
  }

  absl::StatusOr<std::string> Fetch(const std::string& fault) const {
    const CatalogEntry entry = Entry(fault);
    return Fetcher(options_).Fetch(entry, entry.files[0]);
  }

  std::string Path(const std::string& fault) const {
    return fmt::format("{}/data/faults/{}", options_.cache_folder, fault);
  }

  void LeavePartial(const std::string& fault, std::string_view content) const {
    ASSERT_TRUE(MakeFolder(fmt::format("{}/data/faults", options_.cache_folder)).ok());
    ASSERT_TRUE(WriteFileAtomically(Path(fault) + ".partial", content).ok());
  }

  void ExpectFetched(const std::string& fault) const {
    const auto path = Fetch(fault);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(*path, Path(fault));
    EXPECT_TRUE(*ReadFile(*path) == Body());
    EXPECT_FALSE(std::filesystem::exists(Path(fault) + ".partial"));
  }

  void ExpectFailure(const std::string& fault, absl::StatusCode code, const std::string& message) const {
    const absl::Status status = Fetch(fault).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(Path(fault)));
  }

  bool HasPartial(const std::string& fault) const {
    return std::filesystem::exists(Path(fault) + ".partial");
  }

  static std::vector<std::string> Requests() {
    std::vector<std::string> lines;
    std::ifstream log(root_ + "/log");
    for (std::string line; std::getline(log, line);) lines.push_back(line);
    return lines;
  }

  static std::string root_;
  static FaultServer* server_;
  std::error_code error_;
  FetchOptions options_;
};
std::string FetchTest::root_;
FaultServer* FetchTest::server_ = nullptr;

TEST_F(FetchTest, FetchesOnceAndThenUsesTheCache) {
  ExpectFetched("good");
  ExpectFetched("good");
  EXPECT_THAT(Requests(), ElementsAre("/host.test/good - False"));
}

TEST_F(FetchTest, ADamagedFileInTheCacheIsFetchedAnew) {
  ExpectFetched("good");
  std::string damaged = Body();
  damaged[500] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(Path("good"), damaged).ok());
  ExpectFetched("good");
  EXPECT_EQ(Requests().size(), 2u);
}

TEST_F(FetchTest, ResumesWhereItWasCut) {
  ExpectFetched("cut-twice");
  EXPECT_THAT(Requests(),
              ElementsAre("/host.test/cut-twice - False", "/host.test/cut-twice bytes=30000- False",
                          "/host.test/cut-twice bytes=60000- False"));
}

TEST_F(FetchTest, ResumesWhatAnEarlierRunLeft) {
  LeavePartial("good", Body().substr(0, 99999));
  ExpectFetched("good");
  EXPECT_THAT(Requests(), ElementsAre("/host.test/good bytes=99999- False"));
}

TEST_F(FetchTest, ACompletePartialNeedsNoRequest) {
  LeavePartial("good", Body());
  ExpectFetched("good");
  EXPECT_TRUE(Requests().empty());
}

TEST_F(FetchTest, StartsAnewWhenTheRangeIsNotHonoured) {
  for (const char* fault : {"ignores-range", "refuses-range", "wrong-range"}) {
    LeavePartial(fault, Body().substr(0, 1000));
    ExpectFetched(fault);
  }
}

TEST_F(FetchTest, StartsAnewWhenThePartialIsTooLongOrAnothersContent) {
  LeavePartial("good", Body() + "more");
  ExpectFetched("good");
  std::filesystem::remove(Path("good"));
  LeavePartial("good", "something else");
  ExpectFetched("good");
  std::filesystem::remove(Path("good"));
  LeavePartial("good", std::string(Body().size(), 'x'));
  ExpectFetched("good");
}

TEST_F(FetchTest, RetriesServerErrorsAndGivesUp) {
  ExpectFetched("fails-twice");
  EXPECT_EQ(Requests().size(), 3u);
  ExpectFailure("always-fails", absl::StatusCode::kUnavailable, "HTTP 500");
  EXPECT_EQ(Requests().size(), 3u + 5u);
}

TEST_F(FetchTest, KeepsWhatItGotWhenItGivesUp) {
  options_.retries = 2;
  ExpectFailure("always-cut", absl::StatusCode::kUnavailable, "always-cut");
  EXPECT_EQ(std::filesystem::file_size(Path("always-cut") + ".partial"), 30u);
}

TEST_F(FetchTest, DoesNotRetryWhatWillNotChange) {
  ExpectFailure("missing", absl::StatusCode::kNotFound, "HTTP 404");
  ExpectFailure("forbidden", absl::StatusCode::kPermissionDenied, "HF_TOKEN");
  EXPECT_EQ(Requests().size(), 2u);
  EXPECT_FALSE(HasPartial("missing"));
}

TEST_F(FetchTest, WrongContentIsDataLossAndLeavesNothing) {
  ExpectFailure("wrong-content", absl::StatusCode::kDataLoss, Sha256Hex(Body()));
  ExpectFailure("wrong-content", absl::StatusCode::kDataLoss, Sha256Hex(std::string(Body().size(), '\0')));
  EXPECT_FALSE(HasPartial("wrong-content"));
  ExpectFailure("short-content", absl::StatusCode::kDataLoss, "found 99999 bytes");
  EXPECT_FALSE(HasPartial("short-content"));
  LeavePartial("empty-content", "old");
  ExpectFailure("empty-content", absl::StatusCode::kDataLoss, "found 0 bytes");
}

TEST_F(FetchTest, AnEndlessBodyStopsAtTheCatalogsSize) {
  ExpectFailure("endless", absl::StatusCode::kDataLoss, "longer than the 100000 bytes");
  EXPECT_FALSE(HasPartial("endless"));
}

TEST_F(FetchTest, AStalledTransferIsGivenUp) {
  options_.retries = 0;
  options_.transfer.low_speed_s = 1;
  ExpectFailure("stalls", absl::StatusCode::kUnavailable, "Timeout");
}

TEST_F(FetchTest, FollowsRedirectsWithinTheRules) {
  ExpectFetched("redirect");
  EXPECT_THAT(Requests(), ElementsAre("/host.test/redirect - False", "/host.test/good - False"));
  ExpectFailure("redirect-loop", absl::StatusCode::kUnavailable, "more than 5 redirects");
  EXPECT_EQ(Requests().size(), 2u + 6u);
  ExpectFailure("redirect-to-file", absl::StatusCode::kPermissionDenied, "file:///etc/hostname");
  ExpectFailure("redirect-to-http", absl::StatusCode::kPermissionDenied, "example.invalid");
}

TEST_F(FetchTest, ALengthThatIsNotTheBodysIsNotBelieved) {
  ExpectFetched("length-too-large");
  ExpectFailure("length-too-small", absl::StatusCode::kDataLoss, "found 10 bytes");
  EXPECT_FALSE(HasPartial("length-too-small"));
}

TEST_F(FetchTest, EveryFaultEndsInAMessageAndLeavesNothingThatIsNotTheFile) {
  options_.retries = 1;
  options_.transfer.low_speed_s = 1;
  for (const std::string fault :
       {"missing", "forbidden", "always-fails", "always-cut", "wrong-content", "short-content",
        "empty-content", "endless", "endless-header", "length-too-small", "stalls", "drips", "never-answers",
        "no-http", "redirect-loop", "redirect-to-file", "redirect-to-http", "redirect-with-password"}) {
    const absl::Status status = Fetch(fault).status();
    EXPECT_FALSE(status.ok()) << fault;
    EXPECT_FALSE(status.message().empty()) << fault;
    EXPECT_EQ(std::string(status.message()).find("topsecret"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(Path(fault))) << fault;
    const std::string partial = ReadFile(Path(fault) + ".partial").value_or("");
    EXPECT_EQ(partial, Body().substr(0, partial.size())) << fault;
  }
}

TEST_F(FetchTest, TheTokenStaysAwayFromOtherHostsAndFromMessages) {
  options_.transfer.token = "hf_topsecret";
  ExpectFetched("redirect");
  EXPECT_THAT(Requests(), ElementsAre("/host.test/redirect - False", "/host.test/good - False"));
  const absl::Status status = Fetch("forbidden").status();
  EXPECT_EQ(std::string(status.message()).find("topsecret"), std::string::npos);
}

TEST_F(FetchTest, PlainHttpIsForTestsOnly) {
  options_.transfer.allow_loopback_http = false;
  ExpectFailure("good", absl::StatusCode::kPermissionDenied, "expected https://");
  EXPECT_TRUE(Requests().empty());
}

TEST_F(FetchTest, TwoFetchersOfOneFileMakeOneRequest) {
  absl::StatusOr<std::string> other;
  std::thread thread([&] { other = Fetch("good"); });
  ExpectFetched("good");
  thread.join();
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(*ReadFile(*other) == Body());
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(FetchTest, ReportsProgressUpToTheWholeFile) {
  std::vector<uint64_t> bytes;
  options_.on_progress = [&](const FetchProgress& progress) {
    EXPECT_EQ(progress.name, "good");
    EXPECT_EQ(progress.total_bytes, Body().size());
    bytes.push_back(progress.bytes);
  };
  ExpectFetched("good");
  ASSERT_FALSE(bytes.empty());
  EXPECT_TRUE(std::is_sorted(bytes.begin(), bytes.end()));
  EXPECT_EQ(bytes.back(), Body().size());
}

TEST_F(FetchTest, ClosedPortIsUnavailable) {
  options_.mirror = "http://127.0.0.1:1";
  ExpectFailure("good", absl::StatusCode::kUnavailable, "127.0.0.1:1");
}

TEST_F(FetchTest, AFileMirrorIsResumedToo) {
  options_.mirror = fmt::format("file://{}/mirror", options_.cache_folder);
  ExpectFailure("good", absl::StatusCode::kNotFound, "no such file");
  ASSERT_TRUE(MakeFolder(options_.cache_folder + "/mirror/host.test").ok());
  ASSERT_TRUE(WriteFileAtomically(options_.cache_folder + "/mirror/host.test/good", Body()).ok());
  LeavePartial("good", Body().substr(0, 10));
  ExpectFetched("good");
}

TEST_F(FetchTest, EntriesWithoutFilesSayHowToGetThem) {
  const Fetcher fetcher(options_);
  const auto gated = fetcher.Fetch(**fetcher.catalog().Find("llama-3.1-8b-instruct"));
  EXPECT_EQ(gated.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(gated.status().message()), HasSubstr("--model PATH"));
  EXPECT_FALSE(fetcher.IsPresent(**fetcher.catalog().Find("llama-3.1-8b-instruct")));
  const auto embedded = fetcher.Fetch(**fetcher.catalog().Find("arith-tiny"));
  ASSERT_TRUE(embedded.ok()) << embedded.status();
  EXPECT_TRUE(std::filesystem::exists(*embedded + "/config.json"));
}

// Starts each test without the variables, and leaves them as they were.
class EnvironmentTest : public testing::Test {
 protected:
  void SetUp() override {
    for (auto& [name, value] : saved_) {
      if (const char* found = std::getenv(name)) value = found;
      ::unsetenv(name);
    }
  }
  void TearDown() override {
    for (const auto& [name, value] : saved_) {
      if (value) {
        ::setenv(name, value->c_str(), 1);
      } else {
        ::unsetenv(name);
      }
    }
  }

 private:
  std::map<const char*, std::optional<std::string>> saved_ = {
      {"HOME", {}}, {"HF_TOKEN", {}}, {"KVSCOPE_CACHE", {}}, {"KVSCOPE_MIRROR", {}}, {"XDG_CACHE_HOME", {}}};
};

TEST_F(EnvironmentTest, NamesTheCacheFolder) {
  EXPECT_EQ(FetchOptionsFromEnvironment().status().code(), absl::StatusCode::kInvalidArgument);
  ::setenv("HOME", "/home/x", 1);
  EXPECT_EQ(FetchOptionsFromEnvironment()->cache_folder, "/home/x/.cache/kvscope");
  ::setenv("XDG_CACHE_HOME", "/var/c", 1);
  EXPECT_EQ(FetchOptionsFromEnvironment()->cache_folder, "/var/c/kvscope");
  ::setenv("KVSCOPE_CACHE", "/srv/k", 1);
  EXPECT_EQ(FetchOptionsFromEnvironment()->cache_folder, "/srv/k");
}

TEST_F(EnvironmentTest, ATokenThatIsNoHeaderIsRefusedUnseen) {
  ::setenv("HOME", "/home/x", 1);
  ::setenv("HF_TOKEN", "hf_a\r\nX-Evil: 1", 1);
  const absl::Status status = FetchOptionsFromEnvironment().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()).find("hf_a"), std::string::npos);
}

// The mirror of a closed network, where KVSCOPE_MIRROR names one.
TEST(Mirror, HoldsEveryMirroredFileOfTheCatalog) {
  const char* mirror = std::getenv("KVSCOPE_MIRROR");
  if (mirror == nullptr) GTEST_SKIP() << "KVSCOPE_MIRROR is not set";
  FetchOptions options;
  options.mirror = mirror;
  options.cache_folder = testing::TempDir() + "kvscope_mirror_test_" + std::to_string(::getpid());
  const Fetcher fetcher(options);
  for (const CatalogEntry& entry : fetcher.catalog().entries()) {
    if (!entry.mirrored) continue;
    const auto folder = fetcher.Fetch(entry);
    EXPECT_TRUE(folder.ok()) << folder.status();
    EXPECT_TRUE(fetcher.IsPresent(entry)) << entry.name;
  }
  std::filesystem::remove_all(options.cache_folder);
}

}  // namespace
}  // namespace kvscope
