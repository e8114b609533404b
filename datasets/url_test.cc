#include "datasets/url.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

TEST(Url, ParsesAndLowersSchemeAndHost) {
  const auto url = ParseUrl("HTTPS://Example.ORG:8443/a/b");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, "8443");
}

TEST(Url, RefusesCredentialsWithoutRepeatingThem) {
  const absl::Status status = ParseUrl("https://user:secret@example.org/a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
  EXPECT_EQ(ParseUrl("no url").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseUrl("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Url, OpensHttpsAndFilesAndLoopbackOnlyWhenAsked) {
  EXPECT_TRUE(CheckMayOpen("https://example.org/a", false).ok());
  EXPECT_TRUE(CheckMayOpen("file:///srv/mirror/a", false).ok());
  EXPECT_FALSE(CheckMayOpen("http://127.0.0.1:80/a", false).ok());
  EXPECT_TRUE(CheckMayOpen("http://127.0.0.1:80/a", true).ok());
  EXPECT_TRUE(CheckMayOpen("http://[::1]:80/a", true).ok());
  EXPECT_FALSE(CheckMayOpen("http://127.0.0.1.example.org/a", true).ok());
  EXPECT_FALSE(CheckMayOpen("http://example.org/a", true).ok());
  EXPECT_FALSE(CheckMayOpen("ftp://example.org/a", true).ok());
}

TEST(Url, AMirrorTakesHostAndPath) {
  EXPECT_EQ(MirroredUrl("https://h.org/p/q", ""), "https://h.org/p/q");
  EXPECT_EQ(MirroredUrl("https://h.org/p/q", "file:///srv/mirror"), "file:///srv/mirror/h.org/p/q");
  EXPECT_EQ(MirroredUrl("https://h.org/p/q", "https://m.net/base//"), "https://m.net/base/h.org/p/q");
}

TEST(Url, RedirectsNeverWeakenTheScheme) {
  EXPECT_TRUE(CheckRedirect("https://a.org/x", "https://b.org/y").ok());
  EXPECT_TRUE(CheckRedirect("http://127.0.0.1:1/x", "http://127.0.0.1:1/y").ok());
  EXPECT_TRUE(CheckRedirect("http://127.0.0.1:1/x", "https://b.org/y").ok());
  for (const char* target : {"http://a.org/x", "http://127.0.0.1/x", "file:///etc/passwd", "ftp://a.org/x"}) {
    EXPECT_EQ(CheckRedirect("https://a.org/x", target).code(), absl::StatusCode::kPermissionDenied) << target;
  }
  EXPECT_EQ(CheckRedirect("http://127.0.0.1/x", "http://a.org/x").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CheckRedirect("http://127.0.0.1/x", "file:///etc/passwd").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CheckRedirect("file:///a", "file:///b").code(), absl::StatusCode::kPermissionDenied);
}

TEST(Url, TheTokenGoesToHuggingFaceAlone) {
  EXPECT_TRUE(MayCarryToken("https://huggingface.co/a/b"));
  EXPECT_TRUE(MayCarryToken("https://HuggingFace.co:443/a/b"));
  EXPECT_FALSE(MayCarryToken("http://huggingface.co/a"));
  EXPECT_FALSE(MayCarryToken("https://huggingface.co:8443/a"));
  EXPECT_FALSE(MayCarryToken("https://cdn-lfs.huggingface.co/a"));
  EXPECT_FALSE(MayCarryToken("https://huggingface.co.example.org/a"));
  EXPECT_FALSE(MayCarryToken("https://example.org/huggingface.co"));
  EXPECT_FALSE(MayCarryToken("https://huggingface.co@example.org/"));
}

}  // namespace
}  // namespace kvscope
