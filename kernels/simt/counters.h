// What each kernel did since the start or the last ResetCounters().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace kvscope::simt {

struct KernelCounters {
  uint64_t launches = 0;
  uint64_t blocks = 0;
  uint64_t threads = 0;
  uint64_t barriers = 0;          // arrivals of threads
  uint64_t warp_collectives = 0;  // arrivals of lanes
  uint64_t dynamic_shared_bytes = 0;  // of the launch that asked for most
  // Zero unless the kernel is in the "counted" build of its library (CountsAccesses() says so). Bytes as the
  // threads ask for them, with no caches between.
  uint64_t global_load_bytes = 0;
  uint64_t global_store_bytes = 0;
  // Each byte once a launch, however often it is asked for: what a cache without limits would let through.
  uint64_t unique_load_bytes = 0;
  uint64_t unique_store_bytes = 0;
  uint64_t shared_load_bytes = 0;
  uint64_t shared_store_bytes = 0;
};

// By the kernel's name, as in RmsNormKernel<float>.
const std::map<std::string, KernelCounters, std::less<>>& Counters();
void ResetCounters();

// Whether this build counts loads and stores.
bool CountsAccesses();

// For the engine. Valid until ResetCounters().
KernelCounters& CountersOf(const std::string& kernel);
void CountLaunch();  // a grid begins
void CountLoad(const void* address, uint64_t bytes);  // by the engine, for a thread
void CountStore(void* address, uint64_t bytes);

}  // namespace kvscope::simt
