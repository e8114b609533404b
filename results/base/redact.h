// Secrets in texts that are shown or recorded.
#pragma once

#include <string>
#include <string_view>

namespace kvscope {

// `text` with "***" in place of the user name and password of every URL, of every Hugging Face token ("hf_"
// and 16 letters or digits or more) and of the value of HF_TOKEN.
std::string Redacted(std::string_view text);

}  // namespace kvscope
