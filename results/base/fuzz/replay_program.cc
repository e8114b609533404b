// A target without libFuzzer: its seeds, and a fixed number of mutations of them, the same in every run. With
// arguments, those files instead: inputs that a fuzzer found.
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/fuzz/fuzz_target.h"

namespace kvscope {
namespace {

constexpr int kMutations = 2000;
constexpr int kMostSteps = 4;  // of one mutation

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds), words_(FuzzWords(seeds)) {}

  std::string Next() {
    std::string bytes = Pick(seeds_);
    for (size_t steps = 1 + Below(kMostSteps); steps > 0; --steps) Mutate(bytes);
    return bytes;
  }

 private:
  // std::mt19937_64's numbers are the same everywhere; the standard distributions' are not.
  size_t Below(size_t bound) { return random_() % bound; }

  const std::string& Pick(const std::vector<std::string>& texts) { return texts[Below(texts.size())]; }

  void Mutate(std::string& bytes) {
    const size_t at = Below(bytes.size() + 1);
    const size_t left = bytes.size() - at;
    switch (Below(6)) {
      case 0:
        if (left > 0) bytes[at] = static_cast<char>(bytes[at] ^ 1 << Below(8));
        break;
      case 1:
        bytes.replace(at, std::min<size_t>(left, 1 + Below(8)), 1 + Below(8), static_cast<char>(random_()));
        break;
      case 2:
        bytes.erase(at, Below(left + 1));
        break;
      case 3: {
        const std::string copy = bytes.substr(at, Below(left + 1));
        bytes.insert(Below(bytes.size() + 1), copy);
        break;
      }
      case 4:
        if (!words_.empty()) bytes.replace(at, Below(left + 1), Pick(words_));
        break;
      default: {
        const std::string& other = Pick(seeds_);
        bytes.replace(at, left, other.substr(Below(other.size() + 1)));
      }
    }
  }

  const std::vector<std::string>& seeds_;
  const std::vector<std::string> words_;
  std::mt19937_64 random_;
};

int ReplayFiles(int count, char** paths) {
  for (int i = 0; i < count; ++i) {
    const auto bytes = ReadFile(paths[i]);
    if (!bytes.ok()) {
      fmt::print(stderr, "{}\n", std::string(bytes.status().message()));
      return EXIT_FAILURE;
    }
    FuzzOne(*bytes);
  }
  return EXIT_SUCCESS;
}

int ReplayMutations() {
  const std::vector<std::string> seeds = FuzzSeeds();
  if (seeds.empty()) {
    fmt::print(stderr, "no seeds\n");
    return EXIT_FAILURE;
  }
  for (const std::string& seed : seeds) FuzzOne(seed);
  Mutator mutator(seeds);
  for (int i = 0; i < kMutations; ++i) FuzzOne(mutator.Next());
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace kvscope

int main(int argc, char** argv) {
  return argc > 1 ? kvscope::ReplayFiles(argc - 1, argv + 1) : kvscope::ReplayMutations();
}
