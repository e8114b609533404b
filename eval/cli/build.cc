#include "eval/cli/command.h"

namespace kvscope {

Action AddBuild(CLI::App& command) { return AddNotBuilt(command); }

}  // namespace kvscope
