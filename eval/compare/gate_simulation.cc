#include "eval/compare/gate_simulation.h"

#include <array>
#include <cmath>
#include <vector>

#include "datasets/arith/random.h"
#include "eval/compare/gate.h"
#include "eval/stats/sign_flip.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr int kTablePairs = 4000;  // a share of 5 % is known to -+ 0.7 %
constexpr uint64_t kTableSeed = 20260106;
constexpr AccuracyRule kTableRule = {.margin_points = 5, .alpha = 0.05};

// How alike the two runs are: a small change to a method, and another method.
struct Likeness {
  double agreement;
  double effect_sd;
};
constexpr std::array kLikenesses = {Likeness{0.8, 0.03}, Likeness{0.5, 0.08}};
constexpr std::array kPrompts = {6, 12, 24, 43};
constexpr std::array kDifferences = {0.0, -0.05, -0.1};
constexpr std::array kBaseShares = {0.05, 0.5, 0.9};
constexpr std::array kIncreases = {0.0, 0.2, 0.4};

double Uniform(SplitMix64& random) { return static_cast<double>(random.Next() >> 11) * 0x1.0p-53; }

// Mean 0, standard deviation 1.
double CentredUniform(SplitMix64& random) { return std::sqrt(12.0) * (Uniform(random) - 0.5); }

// Right answers more than in the base, by prompt.
std::vector<int> DrawGains(const PairModel& model, SplitMix64& random) {
  std::vector<int> gains(static_cast<size_t>(model.prompts));
  for (int& gain : gains) {
    const double base = model.accuracy + model.prompt_sd * CentredUniform(random);
    const double candidate = base + model.difference + model.effect_sd * CentredUniform(random);
    for (int question = 0; question < model.questions; ++question) {
      const double luck = Uniform(random);
      const double other_luck = random.Chance(model.agreement) ? luck : Uniform(random);
      gain += (other_luck < candidate) - (luck < base);
    }
  }
  return gains;
}

}  // namespace

ErrorRates SimulateGate(const PairModel& model, const AccuracyRule& rule, int pairs, uint64_t seed) {
  SplitMix64 random(seed);
  ErrorRates rates;
  for (int pair = 0; pair < pairs; ++pair) {
    const std::vector<int> gains = DrawGains(model, random);
    std::vector<double> points;
    for (const int gain : gains) points.push_back(100.0 * gain / model.questions);
    const PairedMean paired = *SummarizePaired(points);
    const GateOutcome outcome = JudgeAccuracy(paired, rule, 1);
    rates.pass += outcome == GateOutcome::kPass;
    rates.inconclusive += outcome == GateOutcome::kInconclusive;
    rates.fail += outcome == GateOutcome::kFail;
    rates.called_worse += paired.mean < 0 && SignFlipP(gains) <= rule.alpha;
    rates.mean_sd_points += paired.standard_deviation;
  }
  for (double* sum :
       {&rates.pass, &rates.inconclusive, &rates.fail, &rates.called_worse, &rates.mean_sd_points})
    *sum /= pairs;
  return rates;
}

EndingErrorRates SimulateEndings(const EndingModel& model, double alpha, int pairs, uint64_t seed) {
  SplitMix64 random(seed);
  EndingErrorRates rates;
  for (int pair = 0; pair < pairs; ++pair) {
    DiscordantCounts counts{.questions = model.prompts};
    for (int prompt = 0; prompt < model.prompts; ++prompt) {
      const double luck = Uniform(random);
      const double other_luck = random.Chance(model.agreement) ? luck : Uniform(random);
      const bool base = luck < model.base_share, candidate = other_luck < model.base_share + model.increase;
      counts.base_only += base && !candidate;
      counts.candidate_only += candidate && !base;
    }
    rates.by_count += counts.candidate_only > counts.base_only;
    rates.paired += JudgeIncrease(counts, alpha, 1) == GateOutcome::kFail;
  }
  rates.by_count /= pairs;
  rates.paired /= pairs;
  return rates;
}

std::string EndingErrorTable() {
  std::string table =
      "| prompts | overrun in the base | no difference | 20 points more | 40 points more |\n"
      "| ---: | ---: | ---: | ---: | ---: |\n";
  for (const double share : kBaseShares) {
    for (const int prompts : kPrompts) {
      table += fmt::format("| {} | {:.0f} % |", prompts, 100 * share);
      for (const double increase : kIncreases) {
        if (share + increase > 1) {
          table += " |";
          continue;
        }
        const EndingErrorRates rates =
            SimulateEndings({.prompts = prompts, .base_share = share, .increase = increase}, kTableRule.alpha,
                            kTablePairs, kTableSeed);
        table += fmt::format(" {:.1f} / {:.1f} |", 100 * rates.paired, 100 * rates.by_count);
      }
      table += "\n";
    }
  }
  return table;
}

std::string GateErrorTable() {
  std::string table =
      "| prompts | SD, points | no difference | 5 points worse | 10 points worse |\n"
      "| ---: | ---: | ---: | ---: | ---: |\n";
  for (const Likeness& likeness : kLikenesses) {
    for (const int prompts : kPrompts) {
      PairModel model = {
          .prompts = prompts, .agreement = likeness.agreement, .effect_sd = likeness.effect_sd};
      std::string cells;
      double sd_points = 0;
      for (const double difference : kDifferences) {
        model.difference = difference;
        const ErrorRates rates = SimulateGate(model, kTableRule, kTablePairs, kTableSeed);
        if (difference == 0) sd_points = rates.mean_sd_points;
        cells += fmt::format(" {:.1f} / {:.1f} / {:.1f} |", 100 * rates.pass, 100 * rates.inconclusive,
                             100 * rates.fail);
      }
      table += fmt::format("| {} | {:.1f} |{}\n", prompts, sd_points, cells);
    }
  }
  return table;
}

}  // namespace kvscope
