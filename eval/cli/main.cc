#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "eval/cli/command.h"
#include "eval/cli/config_file.h"
#include "fmt/format.h"
#include "results/base/redact.h"
#include "results/build_info.h"

namespace kvscope {
namespace {

int ParseFailure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  fmt::print(stderr, "kvscope: {}\n", Redacted(error.what()));
  const bool file_absent = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::FileError);
  return static_cast<int>(file_absent ? ExitCode::kAbsent : ExitCode::kUsage);
}

int Main(int argc, char** argv) {
  CLI::App app("Benchmarks of KV-cache compression in long-context generation", "kvscope");
  app.set_version_flag("--version", VersionText());
  app.set_config("--config", "", "TOML file with flags of the command; the command line wins");
  app.config_formatter(MakeConfigReader(app));
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.require_subcommand(1);
  app.fallthrough();  // inherited by the commands, so that --config may stand after their name
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command& command : Commands()) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    actions.emplace_back(sub, command.add(*sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ParseFailure(app, error);
  }
  for (const auto& [command, action] : actions) {
    if (!command->parsed()) continue;
    const absl::StatusOr<ExitCode> result = action();
    std::cout.flush();
    if (result.ok()) return static_cast<int>(*result);
    fmt::print(stderr, "kvscope {}: {}\n", command->get_name(),
               Redacted(std::string(result.status().message())));
    return static_cast<int>(ExitCodeOf(result.status()));
  }
  return static_cast<int>(ExitCode::kUsage);
}

}  // namespace
}  // namespace kvscope

int main(int argc, char** argv) { return kvscope::Main(argc, argv); }
