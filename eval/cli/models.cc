#include "eval/cli/command.h"

namespace kvscope {

Action AddModels(CLI::App& command) { return AddNotBuilt(command); }

}  // namespace kvscope
