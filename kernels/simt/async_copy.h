// The device language: copies from device to shared memory that a thread starts and waits for later
// (cp.async). Each is carried out as late as it may be, at once, or either, as the order says: who does not
// wait finds what was there.
#pragma once

#include <source_location>

namespace kvscope::simt {

inline constexpr unsigned kAsyncCopyBytes = 16;

// `shared` and `global` are aligned to kAsyncCopyBytes. Not `read`: zeros are written in place of what is at
// `global`.
void StartAsyncCopy(void* shared, const void* global, bool read,
                    const std::source_location& where);

// What the thread has started since the last call is a group.
void CommitAsyncCopies();

// Returns when all of the thread's groups but the last `left` have been carried out.
void WaitForAsyncCopies(unsigned left);

}  // namespace kvscope::simt
