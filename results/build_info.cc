#include "results/build_info.h"

#include "fmt/format.h"
#include "git_commit.h"

namespace kvscope {

BuildInfo GetBuildInfo() {
  return {.version = KVSCOPE_VERSION,
          .commit = KVSCOPE_GIT_COMMIT,
          .dirty = KVSCOPE_GIT_DIRTY != 0,
          .compiler = KVSCOPE_COMPILER,
          .build_type = KVSCOPE_BUILD_TYPE};
}

std::string VersionText() {
  const BuildInfo info = GetBuildInfo();
  const std::string commit = info.commit.empty() ? "no git commit" : info.commit.substr(0, 12);
  return fmt::format("kvscope {} ({}{}; {}, {})", info.version, commit, info.dirty ? ", modified" : "",
                     info.compiler, info.build_type);
}

nlohmann::json ToJson(const BuildInfo& info) {
  nlohmann::json json = {
      {"version", info.version}, {"compiler", info.compiler}, {"build_type", info.build_type}};
  const bool known = !info.commit.empty();
  json["commit"] = known ? nlohmann::json(info.commit) : nlohmann::json();
  json["dirty"] = known ? nlohmann::json(info.dirty) : nlohmann::json();
  return json;
}

}  // namespace kvscope
