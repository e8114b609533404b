#include "runtime/tokenizer/bpe.h"

#include <cstddef>
#include <queue>
#include <tuple>

namespace kvscope {
namespace {

constexpr size_t kNone = SIZE_MAX;
constexpr int kGone = -1;

struct Symbol {
  int token;  // kGone once merged into the one before
  size_t previous;
  size_t next;
};

// Two neighbours as they were when the candidate was made; either may have changed since.
struct Candidate {
  uint32_t rank;
  size_t at;
  int left;
  int right;
  int merged;

  // priority_queue has the largest on top.
  bool operator<(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
};

uint64_t Key(int left, int right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

void MergeTable::Add(int left, int right, uint32_t rank, int merged) {
  merges_.insert_or_assign(Key(left, right), Merge{rank, merged});
}

const MergeTable::Merge* MergeTable::Find(int left, int right) const {
  const auto found = merges_.find(Key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void MergeTable::Apply(std::vector<int>* tokens) const {
  std::vector<Symbol> symbols(tokens->size());
  for (size_t i = 0; i < symbols.size(); ++i)
    symbols[i] = {(*tokens)[i], i == 0 ? kNone : i - 1, i + 1 == symbols.size() ? kNone : i + 1};
  std::priority_queue<Candidate> candidates;
  const auto consider = [&](size_t at) {
    if (at == kNone || symbols[at].next == kNone) return;
    const int left = symbols[at].token;
    const int right = symbols[symbols[at].next].token;
    if (const Merge* merge = Find(left, right))
      candidates.push({.rank = merge->rank, .at = at, .left = left, .right = right, .merged = merge->merged});
  };
  for (size_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!candidates.empty()) {
    const Candidate candidate = candidates.top();
    candidates.pop();
    Symbol& left = symbols[candidate.at];
    if (left.token != candidate.left || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    if (right.token != candidate.right) continue;
    left.token = candidate.merged;
    right.token = kGone;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = candidate.at;
    consider(left.previous);
    consider(candidate.at);
  }
  tokens->clear();
  for (const Symbol& symbol : symbols)
    if (symbol.token != kGone) tokens->push_back(symbol.token);
}

}  // namespace kvscope
