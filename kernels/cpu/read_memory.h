// Reading memory and nothing else: the bound that kernels which stream weights or caches are held against.
#pragma once

#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/thread_pool.h"

namespace kvscope {

// A buffer of memory that has been written to, as every page of a cache has been.
HugeBuffer WrittenBuffer(size_t bytes);

// Reads all of it, each thread a contiguous part.
void ReadMemory(const HugeBuffer& buffer, ThreadPool& pool);

}  // namespace kvscope
