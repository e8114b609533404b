#include <array>

#include "eval/cli/command.h"

namespace kvscope {
namespace {

constexpr std::array kCommands = {
    Command{"doctor", "Show what this machine has: CPU, GPUs, memory, data, models", AddDoctor},
    Command{"fetch", "Download data and models of the catalog, checked by SHA-256", AddFetch},
    Command{"build", "Build the prompts of a task", AddBuild},
    Command{"run", "Run one cell: a model, a task, a method", AddRun},
    Command{"sweep", "Run a grid of cells", AddSweep},
    Command{"import", "Turn published predictions into run folders", AddImport},
    Command{"score", "Score run folders, offline", AddScore},
    Command{"compare", "Say whether two runs differ; gate a change", AddCompare},
    Command{"report", "Make tables from run folders", AddReport},
    Command{"verify", "Check claims against run folders", AddVerify},
    Command{"inspect", "Look into a run: attention, heavy hitters, evictions, divergence", AddInspect},
    Command{"methods", "List the compression methods", AddMethods},
    Command{"models", "List the models of the catalog", AddModels},
    Command{"tasks", "List the tasks", AddTasks},
};

}  // namespace

std::span<const Command> Commands() { return kCommands; }

void AddJsonFlag(CLI::App& command, bool* json) { command.add_flag("--json", *json, "JSON on stdout"); }

void AddQuietFlag(CLI::App& command, bool* quiet) {
  command.add_flag("--quiet", *quiet, "No progress on stderr, only warnings and errors");
}

}  // namespace kvscope
