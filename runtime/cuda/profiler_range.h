// Names of what the program does, for a profiler's timeline (NVTX); nothing where device code is emulated.
#pragma once

#if defined(KVSCOPE_DEVICE_EMULATED)

namespace kvscope {

class ProfilerRange {
 public:
  explicit ProfilerRange(const char*) {}
  ~ProfilerRange() {}  // not trivial: one that is not used otherwise is no unused variable
};

}  // namespace kvscope

#else

#include <nvtx3/nvToolsExt.h>

namespace kvscope {

// From its beginning to its end, on the thread that makes it. Ranges nest.
class ProfilerRange {
 public:
  explicit ProfilerRange(const char* name) { nvtxRangePushA(name); }
  ~ProfilerRange() { nvtxRangePop(); }
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;
};

}  // namespace kvscope

#endif
