// Where a method's entries are chosen while decoding on a device.
#pragma once

#include <string_view>

#include "runtime/methods/method.h"

namespace kvscope {

// Why the host chooses; empty where the device does, or nothing is chosen.
std::string_view WhyHostSelects(const Method& method);

}  // namespace kvscope
