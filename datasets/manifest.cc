#include "datasets/manifest.h"

#include "fmt/format.h"
#include "results/base/sha256.h"

namespace kvscope {

nlohmann::json ToJson(const Manifest& manifest) {
  return {{"schema", kManifestSchema},   {"task", manifest.task},
          {"variant", manifest.variant}, {"questions_per_prompt", manifest.questions_per_prompt},
          {"seed", manifest.seed},       {"sources", manifest.sources},
          {"defects", manifest.defects}, {"data_sha256", manifest.data_sha256}};
}

std::string DataSha256(const std::vector<Prompt>& prompts) {
  Sha256 hash;
  for (const Prompt& prompt : prompts) {
    hash.Update(prompt.Hash() + "\n");
    for (const PromptQuestion& question : prompt.questions)
      hash.Update(fmt::format("{} {}\n", question.number, question.gold));
  }
  return hash.HexDigest();
}

}  // namespace kvscope
