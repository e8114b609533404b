#include "eval/cli/command.h"

namespace kvscope {

Action AddMethods(CLI::App& command) { return AddNotBuilt(command); }

}  // namespace kvscope
