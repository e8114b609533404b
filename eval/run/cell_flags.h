// The flags that name a cell, for every command that runs one.
#pragma once

#include "CLI/CLI.hpp"
#include "eval/run/run_request.h"

namespace kvscope {

// Model, task and prompts.
void AddCellFlags(CLI::App& command, RunRequest& request);

// Method and budgets.
void AddMethodFlags(CLI::App& command, RunRequest& request);

void AddDeviceFlag(CLI::App& command, RunRequest& request);

// Arithmetic, cache type, device, threads, timing.
void AddEngineFlags(CLI::App& command, RunRequest& request);

}  // namespace kvscope
