#include "eval/cli/config_file.h"

#include <string>
#include <vector>

#include "fmt/format.h"

namespace kvscope {
namespace {

class ConfigReader : public CLI::ConfigTOML {
 public:
  explicit ConfigReader(CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::vector<CLI::App*> parsed = app_.get_subcommands();
    const std::string command = parsed.empty() ? "" : parsed.front()->get_name();
    std::vector<CLI::ConfigItem> flags;
    for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
      if (item.name == kSectionBegins || item.name == kSectionEnds) continue;
      if (item.parents.empty()) item.parents.push_back(command);
      CheckIsFlag(item);
      flags.push_back(std::move(item));
    }
    return flags;
  }

 private:
  static constexpr const char* kSectionBegins = "++";
  static constexpr const char* kSectionEnds = "--";

  void CheckIsFlag(const CLI::ConfigItem& item) const {
    const CLI::App* command = Find(item.parents.front());
    if (item.parents.size() != 1 || command == nullptr)
      throw CLI::ConfigError(fmt::format("--config: key '{}': no command is called '{}'", item.name,
                                         fmt::join(item.parents, ".")));
    if (command->get_option_no_throw("--" + item.name) == nullptr && !command->get_allow_extras())
      throw CLI::ConfigError(
          fmt::format("--config: key '{}': '{}' has no such flag", item.name, command->get_name()));
  }

  const CLI::App* Find(const std::string& name) const {
    const auto named =
        app_.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
    return named.empty() ? nullptr : named.front();
  }

  CLI::App& app_;
};

}  // namespace

std::shared_ptr<CLI::Config> MakeConfigReader(CLI::App& app) { return std::make_shared<ConfigReader>(app); }

}  // namespace kvscope
