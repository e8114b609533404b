// Reports for accesses that the memory protection of the host stops.
#pragma once

namespace kvscope::simt {

// From here on a fault in device memory, or below the stack of a device thread, ends the program with a
// report. Others go to the handler that was there before.
void InstallFaultHandler();

}  // namespace kvscope::simt
