// Prints how often the gate errs: the tables in eval/README.md.
#include "eval/compare/gate_simulation.h"
#include "fmt/format.h"

int main() { fmt::print("{}\n{}", kvscope::GateErrorTable(), kvscope::EndingErrorTable()); }
