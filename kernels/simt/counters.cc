#include "kernels/simt/counters.h"

namespace kvscope::simt {
namespace {

using CountersByKernel = std::map<std::string, KernelCounters, std::less<>>;

CountersByKernel& Table() {
  static CountersByKernel& table = *new CountersByKernel;
  return table;
}

}  // namespace

const CountersByKernel& Counters() { return Table(); }
void ResetCounters() { Table().clear(); }
KernelCounters& CountersOf(const std::string& kernel) { return Table()[kernel]; }

}  // namespace kvscope::simt
