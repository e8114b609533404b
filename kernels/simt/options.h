// How the emulator runs kernels and streams. Bugs of synchronisation show in some orders only, so tests
// repeat a kernel under several.
#pragma once

#include <cstdint>

namespace kvscope::simt {

enum class Order : uint8_t {
  kForward,  // blocks, warps and lanes ascending
  kReverse,  // all descending
  kRandom,   // blocks in any order, and at every switch any thread that can run
};

struct Options {
  Order order = Order::kForward;
  uint64_t seed = 1;              // of kRandom and of deferred streams
  bool deferred_streams = false;  // work waits in its stream until something must wait for it
  bool protect_memory = true;     // device memory is inaccessible to the host; fixed at the first allocation
  uint64_t device_bytes = uint64_t{8} << 30;  // of memory that a device has
  int devices = 1;  // how many there are; a process uses the first of those that CUDA_VISIBLE_DEVICES leaves
};

// Read at each launch. Starts as the environment says:
//   KVSCOPE_SIMT_ORDER=forward|reverse|random  KVSCOPE_SIMT_SEED=N
//   KVSCOPE_SIMT_DEFERRED_STREAMS=0|1          KVSCOPE_SIMT_PROTECT_MEMORY=0|1
//   KVSCOPE_SIMT_DEVICE_BYTES=N                KVSCOPE_SIMT_DEVICES=N
// Another value of one of these ends the program with a message.
Options& CurrentOptions();

}  // namespace kvscope::simt
