// `--config FILE`: flags of the command from a TOML file.
#pragma once

#include <memory>

#include "CLI/CLI.hpp"

namespace kvscope {

// Reads TOML. A key outside every section is a flag of the command being run; a section [run] holds flags of
// that command. REQUIRES: `app` outlives the result.
std::shared_ptr<CLI::Config> MakeConfigReader(CLI::App& app);

}  // namespace kvscope
