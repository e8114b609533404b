#include "kernels/simt/touched_bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace kvscope::simt {
namespace {

const void* At(uintptr_t address) { return reinterpret_cast<const void*>(address); }

TEST(TouchedBytesTest, CountsEachByteOnce) {
  TouchedBytes touched;
  EXPECT_EQ(touched.Add(At(4090), 16), 16u);  // over the end of a page
  EXPECT_EQ(touched.Add(At(4090), 16), 0u);
  EXPECT_EQ(touched.Add(At(4088), 4), 2u);
  EXPECT_EQ(touched.Add(At(1 << 20), 64), 64u);
  EXPECT_EQ(touched.Add(At(1 << 20), 0), 0u);
  touched.Clear();
  EXPECT_EQ(touched.Add(At(4090), 16), 16u);
}

TEST(TouchedBytesTest, AgreesWithASet) {
  std::mt19937 random(5);
  TouchedBytes touched;
  std::set<uintptr_t> expected;
  for (int i = 0; i < 500; ++i) {
    const uintptr_t begin = 3000 + random() % 6000;
    const uint64_t bytes = random() % 200, before = expected.size();
    for (uint64_t b = 0; b < bytes; ++b) expected.insert(begin + b);
    ASSERT_EQ(touched.Add(At(begin), bytes), expected.size() - before);
  }
}

}  // namespace
}  // namespace kvscope::simt
