#include "eval/cli/command.h"

namespace kvscope {

Action AddFetch(CLI::App& command) { return AddNotBuilt(command); }

}  // namespace kvscope
