// The device's selection against kernels/select.h and against sorting.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/select.h"
#include "kernels/select.h"

namespace kvscope {
namespace {

struct Problem {
  std::vector<float> scores;
  std::vector<int> ranks;  // empty: slots' numbers
  int first_rank = 0;
  int end_rank = 0;
  unsigned keep = 0;
};

// Candidates' slots, the one that stays longest first.
std::vector<unsigned> Sorted(const Problem& problem) {
  const auto rank = [&](unsigned slot) {
    return problem.ranks.empty() ? static_cast<int>(slot) : problem.ranks[slot];
  };
  std::vector<unsigned> slots;
  for (unsigned slot = 0; slot < problem.scores.size(); ++slot) {
    if (problem.first_rank <= rank(slot) && rank(slot) < problem.end_rank) slots.push_back(slot);
  }
  std::ranges::sort(slots, [&](unsigned a, unsigned b) {
    const float x = problem.scores[a], y = problem.scores[b];
    return x > y || (x == y && rank(a) < rank(b));
  });
  return slots;
}

class SelectKernelsTest : public DeviceTest {
 protected:
  // Of few different values, so that many are equal.
  std::vector<float> Scores(size_t n, int values) {
    std::vector<float> scores(n);
    for (float& score : scores) {
      score = static_cast<float>(static_cast<int>(random_() % static_cast<unsigned>(values)) - values / 3) *
              1e-3f;
    }
    return scores;
  }

  std::vector<int> Ranks(size_t n) {
    std::vector<int> ranks(n);
    std::iota(ranks.begin(), ranks.end(), 5);
    std::ranges::shuffle(ranks, random_);
    return ranks;
  }

  std::mt19937 random_{37};
};

class DeviceProblem {
 public:
  explicit DeviceProblem(const Problem& problem)
      : scores_(problem.scores),
        ranks_(problem.ranks.empty() ? std::vector<int>(1) : problem.ranks),
        listed_(problem.scores.size()),
        count_(1),
        item_{scores_.data(),
              problem.ranks.empty() ? nullptr : ranks_.data(),
              static_cast<unsigned>(problem.scores.size()),
              problem.first_rank,
              problem.end_rank,
              problem.keep,
              false,
              listed_.data(),
              count_.data()} {}

  std::vector<unsigned> Select(bool list_evicted) {
    item_.list_evicted = list_evicted;
    DeviceArray<SelectItem> items(std::vector<SelectItem>{item_});
    EXPECT_CUDA_OK(SelectOnDevice(items.data(), 1, nullptr));
    std::vector<unsigned> listed = listed_.ToHost();
    listed.resize(count_.ToHost().front());
    return listed;
  }

  int Worst() {
    DeviceArray<SelectItem> items(std::vector<SelectItem>{item_});
    DeviceArray<int> worst(1);
    EXPECT_CUDA_OK(WorstSlotsOnDevice(items.data(), 1, worst.data(), nullptr));
    return worst.ToHost().front();
  }

 private:
  DeviceArray<float> scores_;
  DeviceArray<int> ranks_;
  DeviceArray<unsigned> listed_, count_;
  SelectItem item_;
};

TEST_F(SelectKernelsTest, KeepsWhatSortingKeeps) {
  std::vector<Problem> problems;
  for (const size_t n : {1, 40, 300}) {
    const auto all = static_cast<int>(n);
    for (const int values : {1, 7, 1 << 20}) {
      for (const size_t keep : {size_t{0}, size_t{1}, n / 2, n + 5}) {
        problems.push_back({Scores(n, values), {}, 0, all, static_cast<unsigned>(keep)});
      }
      problems.push_back({Scores(n, values), Ranks(n), 5 + all / 4, all, static_cast<unsigned>(n / 3)});
    }
  }
  ForEachOrder([&] {
    for (const Problem& problem : problems) {
      std::vector<unsigned> kept = Sorted(problem), evicted;
      if (problem.keep < kept.size()) {
        evicted.assign(kept.begin() + problem.keep, kept.end());
        kept.resize(problem.keep);
      }
      std::ranges::sort(kept);
      std::ranges::sort(evicted);
      DeviceProblem device(problem);
      ASSERT_EQ(device.Select(false), kept) << problem.scores.size() << " slots, keep " << problem.keep;
      ASSERT_EQ(device.Select(true), evicted) << problem.scores.size() << " slots, keep " << problem.keep;
    }
  });
}

TEST_F(SelectKernelsTest, IsTopKOfTheCpu) {
  const std::vector<float> scores = Scores(500, 40);
  const std::vector<int> expected = TopK(scores, 123);
  DeviceProblem device({scores, {}, 0, 500, 123});
  EXPECT_EQ(device.Select(false), std::vector<unsigned>(expected.begin(), expected.end()));
}

TEST_F(SelectKernelsTest, ZerosOfBothSignsAreEqual) {
  DeviceProblem device({{-0.0f, 0.0f, -0.0f, -1.0f, 0.0f}, {}, 0, 5, 2});
  EXPECT_EQ(device.Select(false), (std::vector<unsigned>{0, 1}));
  DeviceProblem zeros({{0.0f, -0.0f, 0.0f}, {}, 0, 3, 0});
  EXPECT_EQ(zeros.Worst(), 2);
}

TEST_F(SelectKernelsTest, WorstIsTheLastOfSorting) {
  std::vector<Problem> problems;
  for (const size_t n : {1, 33, 600}) {
    for (const int values : {1, 5, 1 << 20}) {
      problems.push_back({Scores(n, values), {}, 0, static_cast<int>(n), 0});
      problems.push_back({Scores(n, values), Ranks(n), 6, 5 + static_cast<int>(n), 0});
    }
  }
  ForEachOrder([&] {
    for (const Problem& problem : problems) {
      const std::vector<unsigned> sorted = Sorted(problem);
      EXPECT_EQ(DeviceProblem(problem).Worst(), sorted.empty() ? -1 : static_cast<int>(sorted.back()));
    }
  });
}

TEST_F(SelectKernelsTest, MaxPoolAgreesWithTheCpu) {
  const std::vector<float> in = Scores(2 * 300, 1 << 20);
  for (const unsigned kernel : {1u, 7u, 601u}) {
    std::vector<float> expected = MaxPool(std::span(in).first(300), static_cast<int>(kernel));
    const std::vector<float> second = MaxPool(std::span(in).last(300), static_cast<int>(kernel));
    expected.insert(expected.end(), second.begin(), second.end());
    ForEachOrder([&] {
      DeviceArray<float> device(in), out(in.size());
      EXPECT_CUDA_OK(MaxPoolOnDevice(device.data(), 2, 300, kernel, out.data(), nullptr));
      EXPECT_EQ(out.ToHost(), expected);
    });
  }
}

TEST_F(SelectKernelsTest, RefusesWrongParameters) {
  DeviceArray<SelectItem> items(1);
  DeviceArray<float> in(4), out(4);
  EXPECT_EQ(SelectOnDevice(nullptr, 1, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(SelectOnDevice(nullptr, 0, nullptr), cudaSuccess);
  EXPECT_EQ(WorstSlotsOnDevice(items.data(), 1, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(MaxPoolOnDevice(in.data(), 1, 4, 2, out.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(MaxPoolOnDevice(in.data(), 1, 4, 3, in.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(MaxPoolOnDevice(nullptr, 1, 4, 3, out.data(), nullptr), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace kvscope
