#include "runtime/cache/page_slabs.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvscope {
namespace {

TEST(PageSlabsTest, BlocksOfAnySizeKeepWhatTheyHold) {
  PageSlabs slabs;
  std::mt19937 random(7);
  struct Block {
    std::byte* data;
    size_t bytes;
    int mark;
  };
  std::vector<Block> blocks;
  for (int mark = 0; mark < 2000; ++mark) {
    if (!blocks.empty() && random() % 3 == 0) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Block block = blocks.back();
      blocks.pop_back();
      for (size_t i = 0; i < block.bytes; ++i) ASSERT_EQ(block.data[i], std::byte(block.mark % 251));
      slabs.Free(block.data, block.bytes);
    } else {
      constexpr size_t kSizes[] = {8704, 16384, 32768, 100, (size_t{3} << 20) + 1};
      const size_t bytes = kSizes[random() % (mark % 100 == 0 ? 5 : 4)];
      std::byte* const data = slabs.Allocate(bytes);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
      std::memset(data, mark % 251, bytes);
      blocks.push_back({data, bytes, mark});
    }
  }
  for (const Block& block : blocks) slabs.Free(block.data, block.bytes);
}

TEST(PageSlabsTest, AFreedBlockIsUsedAgain) {
  PageSlabs slabs;
  std::byte* const stays = slabs.Allocate(16384);
  std::set<std::byte*> seen;
  for (int i = 0; i < 1000; ++i) {
    std::byte* const block = slabs.Allocate(16384);
    seen.insert(block);
    slabs.Free(block, 16384);
  }
  EXPECT_EQ(seen.size(), 1u);
  slabs.Free(stays, 16384);
}

TEST(PageSlabsTest, ThreadsMayAllocateAtTheSameTime) {
  PageSlabs slabs;
  const auto work = [&](int mark) {
    for (int round = 0; round < 50; ++round) {
      std::vector<std::byte*> blocks;
      for (int i = 0; i < 40; ++i) {
        blocks.push_back(slabs.Allocate(8704));
        std::memset(blocks.back(), mark, 8704);
      }
      for (std::byte* block : blocks) {
        EXPECT_EQ(block[8703], std::byte(mark));
        slabs.Free(block, 8704);
      }
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
}

}  // namespace
}  // namespace kvscope
