#include <memory>

#include "datasets/builders.h"
#include "eval/cli/command.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace kvscope {
namespace {

using Json = nlohmann::ordered_json;

Json ListTasks() {
  Json list = Json::array();
  for (const TaskInfo& task : Tasks()) {
    Json variants = {"clean"};
    if (task.has_published) variants.push_back("published");
    list.push_back({{"name", task.name},
                    {"description", task.description},
                    {"questions_4k", task.questions_4k},
                    {"questions_8k", task.questions_8k},
                    {"variants", std::move(variants)}});
  }
  return list;
}

void PrintTasks() {
  fmt::print("{:<9}{:>3}{:>4}  {}\n", "task", "4k", "8k", "questions a prompt, and what they are");
  for (const TaskInfo& task : Tasks()) {
    fmt::print("{:<9}{:>3}{:>4}  {}{}\n", task.name, task.questions_4k, task.questions_8k, task.description,
               task.has_published ? "; clean and published" : "");
  }
}

}  // namespace

Action AddTasks(CLI::App& command) {
  auto json = std::make_shared<bool>(false);
  AddJsonFlag(command, json.get());
  return [json]() -> absl::StatusOr<ExitCode> {
    if (*json)
      fmt::print("{}\n", ListTasks().dump(2));
    else
      PrintTasks();
    return ExitCode::kDone;
  };
}

}  // namespace kvscope
