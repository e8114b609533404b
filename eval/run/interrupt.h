// SIGINT and SIGTERM as a request to stop at the next step, so that nothing finished is lost.
#pragma once

namespace kvscope {

// From now on the first of these signals makes Interrupted() true; a second ends the process at once.
void CatchInterrupts();
bool Interrupted();

}  // namespace kvscope
