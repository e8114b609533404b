#include "runtime/cache/head_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <set>
#include <thread>

#include "runtime/cache/eviction.h"
#include "runtime/cache/group_scores.h"

namespace kvscope {
namespace {

using testing::ElementsAre;

constexpr size_t kHeadDim = 8;

PageLedger& Ledger() {
  static PageLedger ledger;
  return ledger;
}

// A cache whose keys and values tell the position they belong to.
HeadCache CacheOf(int entries) {
  HeadCache cache(KvType::kF32, kHeadDim, Ledger());
  for (int position = 0; position < entries; ++position) {
    const std::vector<float> key(kHeadDim, static_cast<float>(position)),
        value(kHeadDim, -static_cast<float>(position));
    cache.Append(position, key.data(), value.data());
  }
  return cache;
}

void Append(HeadCache& cache, int position) {
  const std::vector<float> key(kHeadDim, static_cast<float>(position)),
      value(kHeadDim, -static_cast<float>(position));
  cache.Append(position, key.data(), value.data());
}

// Positions by slot, each checked against the rows stored there. REQUIRES: no holes.
std::vector<int> Positions(const HeadCache& cache) {
  std::vector<int> positions;
  for (size_t slot = 0; slot < cache.slots(); ++slot) {
    float key[kHeadDim], value[kHeadDim];
    LoadSlot(cache.type(), cache.pages()[slot / kPageSlots], slot % kPageSlots, kHeadDim, key, value);
    const int position = cache.positions()[slot];
    for (size_t d = 0; d < kHeadDim; ++d) {
      EXPECT_EQ(key[d], position) << "slot " << slot;
      EXPECT_EQ(value[d], -position) << "slot " << slot;
    }
    positions.push_back(position);
  }
  return positions;
}

TEST(HeadCache, TheNextRowTakesTheEvictedSlot) {
  HeadCache cache = CacheOf(4);
  cache.Evict(std::vector<int>{1});
  EXPECT_EQ(cache.size(), 3u);
  Append(cache, 4);
  EXPECT_THAT(Positions(cache), ElementsAre(0, 4, 2, 3));
  EXPECT_EQ(cache.moved_rows(), 0u);
}

TEST(HeadCache, FurtherHolesAreFilledFromTheEnd) {
  HeadCache cache = CacheOf(7);
  cache.Evict(std::vector<int>{6, 1, 3});
  Append(cache, 7);
  EXPECT_THAT(Positions(cache), ElementsAre(0, 7, 2, 5, 4));
  EXPECT_EQ(cache.moved_rows(), 1u);
}

TEST(HeadCache, PagesAreAllocatedAndGivenBack) {
  HeadCache cache = CacheOf(129);
  EXPECT_EQ(cache.allocated_bytes(), 3 * PageBytes(KvType::kF32, kHeadDim));
  std::vector<int> slots;
  for (int slot = 10; slot < 120; ++slot) slots.push_back(slot);
  cache.Evict(slots);
  EXPECT_EQ(cache.size(), 19u);
  Append(cache, 129);
  EXPECT_EQ(cache.allocated_bytes(), PageBytes(KvType::kF32, kHeadDim));
  EXPECT_EQ(Positions(cache).size(), 20u);
}

TEST(HeadCache, ASubsetHasRanksOfItsOwn) {
  const HeadCache whole = CacheOf(10);
  HeadCache subset = whole.Subset(std::vector<int>{7, 2, 9});
  EXPECT_THAT(Positions(subset), ElementsAre(7, 2, 9));
  EXPECT_THAT(subset.RowOrder(), ElementsAre(0, 1, 2));
  Append(subset, 10);
  EXPECT_EQ(subset.ranks()[3], 3);
  EXPECT_EQ(subset.next_rank(), 4);
}

// The first 64 entries' page stays shared; the other is copied by the first of the two to write to it.
TEST(HeadCache, ForksShareWhatNeitherWrites) {
  const size_t page_bytes = PageBytes(KvType::kF32, kHeadDim);
  const size_t before = Ledger().bytes();
  HeadCache cache = CacheOf(70);
  HeadCache fork = cache.Fork();
  EXPECT_EQ(Ledger().bytes() - before, 2 * page_bytes);
  EXPECT_EQ(fork.allocated_bytes(), 2 * page_bytes) << "told as if it shared nothing";
  Append(fork, 1000);
  EXPECT_EQ(Ledger().bytes() - before, 3 * page_bytes);
  EXPECT_EQ(fork.pages()[0], cache.pages()[0]);
  EXPECT_NE(fork.pages()[1], cache.pages()[1]);
  const std::byte* own = cache.pages()[1];
  Append(cache, 70);
  EXPECT_EQ(cache.pages()[1], own) << "its last owner writes in place";
  EXPECT_EQ(Positions(cache).back(), 70);
  EXPECT_EQ(Positions(fork).back(), 1000);
  EXPECT_EQ(Positions(fork)[69], 69);
}

// Rows are moved inside one page and out of a shared one.
TEST(HeadCache, AForkMovesRowsWithoutTouchingTheOther) {
  HeadCache cache = CacheOf(7);
  HeadCache fork = cache.Fork();
  fork.Evict(std::vector<int>{6, 1, 3});
  Append(fork, 7);
  EXPECT_THAT(Positions(fork), ElementsAre(0, 7, 2, 5, 4));
  EXPECT_THAT(Positions(cache), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(HeadCache, AForkOutlivesWhatItWasMadeFrom) {
  const size_t before = Ledger().bytes();
  {
    auto cache = std::make_unique<HeadCache>(CacheOf(3));
    const HeadCache fork = cache->Fork();
    cache.reset();
    EXPECT_THAT(Positions(fork), ElementsAre(0, 1, 2));
  }
  EXPECT_EQ(Ledger().bytes(), before);
}

// Every thread writes to, reads and drops forks of the same pages. Races show under ThreadSanitizer.
TEST(HeadCache, ForksMayBeUsedSideBySide) {
  HeadCache cache = CacheOf(100);
  std::vector<HeadCache> forks;
  for (int i = 0; i < 8; ++i) forks.push_back(cache.Fork());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&forks, i] {
      HeadCache fork = std::move(forks[static_cast<size_t>(i)]);
      for (int t = 0; t < 50; ++t) {
        fork.Evict(std::vector<int>{(i * 13 + t * 7) % 100});
        Append(fork, 1000 * (i + 1) + t);
      }
      EXPECT_EQ(Positions(fork).size(), 100u);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Positions(cache).back(), 99);
}

TEST(PageLedger, RefusesWhatExceedsItsLimitAndCountsThePeak) {
  const size_t page_bytes = PageBytes(KvType::kF32, kHeadDim);
  PageLedger ledger(2 * page_bytes);
  {
    PageRef first(ledger, page_bytes);
    PageRef shared = first;
    PageRef second(ledger, page_bytes);
    EXPECT_THROW(PageRef(ledger, page_bytes), std::bad_alloc);
    EXPECT_THROW(shared.Writable(), std::bad_alloc);
    EXPECT_EQ(shared.data(), first.data()) << "unchanged";
  }
  EXPECT_EQ(ledger.bytes(), 0u);
  EXPECT_EQ(ledger.peak_bytes(), 2 * page_bytes);
}

// Against those of a copy that reads all its keys.
TEST(HeadCache, DirectionsFollowEveryChange) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  HeadCache cache(KvType::kInt8, kHeadDim, Ledger());
  const auto append = [&](int position) {
    std::vector<float> key(kHeadDim), value(kHeadDim);
    for (float& x : key) x = position == 7 ? 0 : normal(random);
    cache.Append(position, key.data(), value.data());
  };
  for (int position = 0; position < 100; ++position) append(position);
  EXPECT_EQ(cache.directions(), nullptr);
  cache.TrackDirections();
  for (int position = 100; position < 300; ++position) {
    std::vector<int> slots;
    for (int slot = 0; slot < static_cast<int>(cache.slots()); ++slot) {
      if (random() % 64 == 0) slots.push_back(slot);
    }
    cache.Evict(slots);
    append(position);
    HeadCache fresh = cache.Fork();
    fresh.TrackDirections();
    const KeyDirections &kept = *cache.directions(), &expected = *fresh.directions();
    EXPECT_TRUE(std::ranges::equal(kept.inverse_lengths(), expected.inverse_lengths()));
    for (size_t d = 0; d < kHeadDim; ++d) EXPECT_NEAR(kept.sum()[d], expected.sum()[d], 1e-11);
  }
}

// Random evictions and appends against a plain set of positions.
TEST(HeadCache, HoldsWhatAPlainSetHolds) {
  std::mt19937 random(3);
  HeadCache cache = CacheOf(100);
  std::set<int> expected;
  for (int position = 0; position < 100; ++position) expected.insert(position);
  for (int position = 100; position < 400; ++position) {
    std::vector<int> slots;
    for (int slot = 0; slot < static_cast<int>(cache.slots()); ++slot) {
      if (random() % 64 == 0) slots.push_back(slot);
    }
    for (int slot : slots) expected.erase(cache.positions()[static_cast<size_t>(slot)]);
    cache.Evict(slots);
    EXPECT_EQ(cache.size(), expected.size());
    Append(cache, position);
    expected.insert(position);
    const std::vector<int> positions = Positions(cache);
    EXPECT_EQ(std::set<int>(positions.begin(), positions.end()), expected);
    EXPECT_EQ(positions.size(), expected.size());
    // Row order is the order of arrival.
    int last = -1;
    for (int slot : cache.RowOrder()) {
      EXPECT_GT(cache.positions()[static_cast<size_t>(slot)], last);
      last = cache.positions()[static_cast<size_t>(slot)];
    }
  }
}

std::vector<int> Left(const HeadCache& cache) {
  std::vector<int> positions;
  for (int slot : cache.RowOrder()) positions.push_back(cache.positions()[static_cast<size_t>(slot)]);
  return positions;
}

// Ten entries: 2 protected, 3 recent, candidates 2..6.
TEST(EvictByScore, TakesTheWorstCandidatesOnly) {
  const std::vector<float> scores = {0, 0, 5, 1, 4, 1, 9, 0, 0, 0};
  HeadCache one = CacheOf(10);
  EXPECT_EQ(EvictByScore(one, {.due = true, .first = 2, .recent = 3, .keep = 4}, Semantics::kClean, scores),
            1u);
  EXPECT_THAT(Left(one), ElementsAre(0, 1, 2, 3, 4, 6, 7, 8, 9)) << "of the equal scores the later one went";
  HeadCache three = CacheOf(10);
  EXPECT_EQ(EvictByScore(three, {.due = true, .first = 2, .recent = 3, .keep = 2}, Semantics::kClean, scores),
            3u);
  EXPECT_THAT(Left(three), ElementsAre(0, 1, 2, 6, 7, 8, 9));
  HeadCache all = CacheOf(10);
  EXPECT_EQ(EvictByScore(all, {.due = true, .first = 2, .recent = 3, .keep = 0}, Semantics::kClean, scores),
            5u);
  HeadCache none = CacheOf(10);
  EXPECT_EQ(EvictByScore(none, {.due = true, .first = 2, .recent = 3, .keep = 5}, Semantics::kClean, scores),
            0u);
}

TEST(EvictByScore, PublishedRowsFollowTheScores) {
  const std::vector<float> scores = {0, 0, 5, 1, 4, 2, 9, 0, 0, 0};
  HeadCache cache = CacheOf(10);
  EXPECT_EQ(
      EvictByScore(cache, {.due = true, .first = 2, .recent = 3, .keep = 3}, Semantics::kPublished, scores),
      2u);
  EXPECT_THAT(Left(cache), ElementsAre(0, 1, 6, 2, 4, 7, 8, 9));
}

TEST(EvictByArrival, KeepsTheEarliest) {
  HeadCache cache = CacheOf(10);
  EXPECT_EQ(EvictByArrival(cache, {.due = true, .first = 0, .recent = 3, .keep = 4}), 3u);
  EXPECT_THAT(Left(cache), ElementsAre(0, 1, 2, 3, 7, 8, 9));
}

TEST(CombineGroupScores, MeanMaximumAndSum) {
  const std::vector<float> a = {1, 2, 3}, b = {3, 0, 3};
  const std::vector<const float*> rows = {a.data(), b.data()};
  std::vector<float> out(3);
  CombineGroupScores(GroupScore::kMean, rows, out);
  EXPECT_THAT(out, ElementsAre(2, 1, 3));
  CombineGroupScores(GroupScore::kMax, rows, out);
  EXPECT_THAT(out, ElementsAre(3, 2, 3));
  CombineGroupScores(GroupScore::kSum, rows, out);
  EXPECT_THAT(out, ElementsAre(4, 2, 6));
}

}  // namespace
}  // namespace kvscope
