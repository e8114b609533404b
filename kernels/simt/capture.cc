#include "kernels/simt/capture.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace kvscope::simt {

void AddNode(Capture& capture, Frontier& frontier, Work work) {
  const size_t node = capture.nodes.size();
  capture.nodes.push_back({std::move(work), std::exchange(frontier, {node})});
}

void Join(Frontier& frontier, const Frontier& other) {
  frontier.insert(frontier.end(), other.begin(), other.end());
}

bool ReachesAll(const Capture& capture, const Frontier& frontier) {
  std::vector<bool> reached(capture.nodes.size());
  for (const size_t node : frontier) reached[node] = true;
  for (size_t node = capture.nodes.size(); node > 0; --node) {
    if (!reached[node - 1]) return false;  // whatever comes after it has been looked at
    for (const size_t before : capture.nodes[node - 1].after) reached[before] = true;
  }
  return true;
}

void Replay(const std::vector<GraphNode>& nodes, bool any_order, const std::function<uint64_t()>& draw) {
  std::vector<size_t> left(nodes.size());
  std::iota(left.begin(), left.end(), size_t{0});
  std::vector<bool> done(nodes.size());
  while (!left.empty()) {
    std::vector<size_t> ready;  // places in `left`
    for (size_t i = 0; i < (any_order ? left.size() : 1); ++i) {
      const std::vector<size_t>& after = nodes[left[i]].after;
      if (std::ranges::all_of(after, [&](size_t node) { return done[node]; })) ready.push_back(i);
    }
    const size_t next = any_order ? ready[draw() % ready.size()] : 0;
    nodes[left[next]].work();
    done[left[next]] = true;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(next));
  }
}

}  // namespace kvscope::simt
