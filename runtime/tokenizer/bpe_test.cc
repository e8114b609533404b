#include "runtime/tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace kvscope {
namespace {

std::vector<int> Merged(const MergeTable& table, std::vector<int> tokens) {
  table.Apply(&tokens);
  return tokens;
}

TEST(MergeTable, SmallestRankFirstThenLeftmost) {
  MergeTable table;
  table.Add(1, 2, 1, 12);
  table.Add(2, 3, 0, 23);
  table.Add(12, 12, 2, 99);
  EXPECT_EQ(Merged(table, {1, 2, 3}), (std::vector<int>{1, 23}));
  EXPECT_EQ(Merged(table, {1, 2, 1, 2, 1, 2}), (std::vector<int>{99, 12}));
  EXPECT_EQ(Merged(table, {}), std::vector<int>{});
  EXPECT_EQ(Merged(table, {7}), std::vector<int>{7});
  table.Add(1, 1, 0, 11);
  EXPECT_EQ(Merged(table, {1, 1, 1}), (std::vector<int>{11, 1}));
}

// The definition, pass by pass over the whole word.
std::vector<int> MergedByDefinition(const std::map<std::pair<int, int>, std::pair<uint32_t, int>>& merges,
                                    std::vector<int> tokens) {
  while (true) {
    size_t best = tokens.size();
    uint32_t best_rank = UINT32_MAX;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto merge = merges.find({tokens[i], tokens[i + 1]});
      if (merge != merges.end() && merge->second.first < best_rank) {
        best = i;
        best_rank = merge->second.first;
      }
    }
    if (best == tokens.size()) return tokens;
    tokens[best] = merges.at({tokens[best], tokens[best + 1]}).second;
    tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(MergeTable, AgreesWithTheDefinitionOnRandomTables) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    MergeTable table;
    std::map<std::pair<int, int>, std::pair<uint32_t, int>> merges;
    int tokens = 3;
    for (uint32_t rank = 0; rank < 20; ++rank) {
      const std::pair pair(static_cast<int>(random()) % tokens, static_cast<int>(random()) % tokens);
      if (pair.first < 0 || pair.second < 0 || merges.contains(pair)) continue;
      table.Add(pair.first, pair.second, rank, tokens);
      merges[pair] = {rank, tokens};
      ++tokens;
    }
    std::vector<int> word(random() % 60);
    for (int& token : word) token = static_cast<int>(random() % 3);
    EXPECT_EQ(Merged(table, word), MergedByDefinition(merges, word)) << round;
  }
}

TEST(MergeTable, AMillionEqualTokens) {
  MergeTable table;
  for (int power = 0; power < 10; ++power) table.Add(power, power, static_cast<uint32_t>(power), power + 1);
  const std::vector<int> merged = Merged(table, std::vector<int>(1 << 20, 0));
  EXPECT_EQ(merged, std::vector<int>(1 << 10, 10));
}

}  // namespace
}  // namespace kvscope
