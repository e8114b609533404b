// Which source and which compiler made this program.
#pragma once

#include <string>

#include "nlohmann/json.hpp"

namespace kvscope {

struct BuildInfo {
  std::string version;
  std::string commit;  // 40 hex digits; empty when not built from a git checkout
  bool dirty = false;  // tracked files differed from that commit
  std::string compiler;
  std::string build_type;
};

BuildInfo GetBuildInfo();

// "kvscope 0.1.0 (1a2b3c4d5e6f, modified; GNU 12.2.0, Release)"
std::string VersionText();

// {version, commit, dirty, compiler, build_type}; commit and dirty are null when unknown.
nlohmann::json ToJson(const BuildInfo& info);

}  // namespace kvscope
