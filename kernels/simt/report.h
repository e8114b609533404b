// How the emulator ends a program whose device code is wrong: a message on stderr, then abort().
#pragma once

#include <fmt/format.h>

#include <source_location>
#include <string>

namespace kvscope::simt {

// "FILE:LINE".
std::string Describe(const std::source_location& where);

// Adds the kernel, block and thread that run, if any do.
[[noreturn]] void FatalMessage(const std::string& message);

template <class... Args>
[[noreturn]] void Fatal(fmt::format_string<Args...> format, Args&&... args) {
  FatalMessage(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace kvscope::simt
