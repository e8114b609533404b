// A fuzz target: one parser of something from outside, and inputs to start from. A target's file defines both
// functions; fuzz_program.cc or replay_program.cc makes a program of it (kvscope_fuzz_target in
// scripts/cmake).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvscope {

// Gives `bytes` to the parser. Whatever they are, it must not crash, hang, or take memory that they do not
// justify.
void FuzzOne(std::string_view bytes);

// Small well-formed inputs, made by the program's own writers.
std::vector<std::string> FuzzSeeds();

// Distinct runs of letters, digits and _.+- in the seeds: names of fields and tensors that mutations should
// know.
std::vector<std::string> FuzzWords(const std::vector<std::string>& seeds);

// The first `count` - 1 texts that end with a zero byte, and the rest; empty ones where there are fewer. For
// parsers that take several files.
std::vector<std::string> SplitFuzzInput(std::string_view bytes, size_t count);
std::string JoinFuzzInput(const std::vector<std::string>& parts);

// Every line that is a JSON object sealed (results/base/seal.h), the others as they are: so mutations reach
// what reads behind a seal. Seeds for it are lines without seals, or with.
std::string SealFuzzLines(std::string_view text);

}  // namespace kvscope
