// What a subcommand is: a function that adds its flags to a CLI11 app and returns what to do once they are
// parsed.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "eval/cli/exit_code.h"

namespace kvscope {

// Data go to stdout, everything else to stderr. A non-OK status is printed and mapped by ExitCodeOf.
using Action = std::function<absl::StatusOr<ExitCode>()>;

struct Command {
  std::string_view name;
  std::string_view summary;  // one line of `kvscope --help`
  // Flags write into storage that the returned action keeps alive.
  Action (*add)(CLI::App& command);
};

// Every subcommand, in the order of `kvscope --help`.
std::span<const Command> Commands();

// `--json`, for commands whose output a machine may want.
void AddJsonFlag(CLI::App& command, bool* json);
// `--quiet`, for commands that show progress.
void AddQuietFlag(CLI::App& command, bool* quiet);

// One function a file of the same name.
Action AddBuild(CLI::App& command);
Action AddCompare(CLI::App& command);
Action AddDoctor(CLI::App& command);
Action AddFetch(CLI::App& command);
Action AddImport(CLI::App& command);
Action AddInspect(CLI::App& command);
Action AddMethods(CLI::App& command);
Action AddModels(CLI::App& command);
Action AddReport(CLI::App& command);
Action AddRun(CLI::App& command);
Action AddScore(CLI::App& command);
Action AddSweep(CLI::App& command);
Action AddTasks(CLI::App& command);
Action AddVerify(CLI::App& command);

}  // namespace kvscope
