#include "results/base/redact.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kvscope {
namespace {

TEST(Redacted, UsersOfUrls) {
  EXPECT_EQ(Redacted("get https://user:pass@host/a@b and http://me@h"),
            "get https://***@host/a@b and http://***@h");
  EXPECT_EQ(Redacted("--mirror=https://a:p@ss@host:1"), "--mirror=https://***@host:1");
  for (const char* plain : {"https://host/a@b", "file:///x", "a@b", "://", "https://host?x=a@b", ""})
    EXPECT_EQ(Redacted(plain), plain);
}

TEST(Redacted, HuggingFaceTokens) {
  EXPECT_EQ(Redacted("x=hf_abcdefghijklmnopQRST, y"), "x=hf_***, y");
  EXPECT_EQ(Redacted("hf_transfer hf_"), "hf_transfer hf_");
}

TEST(Redacted, TheTokenOfTheEnvironmentWhateverItLooksLike) {
  ::setenv("HF_TOKEN", "odd secret", 1);
  EXPECT_EQ(Redacted("an odd secretodd secret"), "an ******");
  ::setenv("HF_TOKEN", "", 1);
  EXPECT_EQ(Redacted("plain"), "plain");
  ::unsetenv("HF_TOKEN");
}

}  // namespace
}  // namespace kvscope
