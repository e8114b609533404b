// Byte-pair encoding (Sennrich et al. 2016, section 3.2): joins neighbours by a ranked list of merges.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace kvscope {

class MergeTable {
 public:
  // Tokens `left` and `right` side by side become `merged`. Smaller ranks go first. The last call for a pair
  // counts.
  void Add(int left, int right, uint32_t rank, int merged);

  // Replaces `tokens` by what is left when no neighbours can be merged: always the pair of smallest rank, the
  // leftmost of equals. O(n log n).
  void Apply(std::vector<int>* tokens) const;

 private:
  struct Merge {
    uint32_t rank;
    int merged;
  };
  const Merge* Find(int left, int right) const;

  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace kvscope
