// The published prediction files, for tests that are skipped where they are not to be had.
#pragma once

#include <string>

namespace kvscope {

// The folder of SCOPE's 4K predictions in the file:// mirror that KVSCOPE_MIRROR names; empty where there is
// none.
std::string PublishedResults4k();

}  // namespace kvscope
