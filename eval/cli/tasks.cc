#include "eval/cli/command.h"

namespace kvscope {

Action AddTasks(CLI::App& command) { return AddNotBuilt(command); }

}  // namespace kvscope
