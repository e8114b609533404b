// The machine a result was made on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace kvscope {

struct Machine {
  std::string cpu;  // model name; empty where the system does not tell
  int cores = 0;    // logical CPUs this process may run on
  uint64_t memory_bytes = 0;
  std::string kernel;  // "Linux 6.1.0"
};

Machine GetMachine();
nlohmann::json ToJson(const Machine& machine);

// This process's arguments, the program first, without secrets (results/base/redact.h).
std::vector<std::string> CommandLine();

// Memory that could be taken now without swapping.
uint64_t AvailableMemoryBytes();

// Largest resident set of this process so far.
uint64_t PeakResidentBytes();

// Instruction sets that matter to the kernels and that this CPU has, as Linux names them: "avx2", "asimd".
std::vector<std::string> CpuFeatures();

}  // namespace kvscope
