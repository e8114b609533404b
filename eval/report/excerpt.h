// A piece of a text for one line of a report.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvscope {

// White space becomes single blanks, none at the ends; what is longer than `max_bytes` is cut before a
// character and ends in an ellipsis.
std::string Excerpt(std::string_view text, size_t max_bytes);

}  // namespace kvscope
