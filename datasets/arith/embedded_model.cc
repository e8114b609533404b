#include "datasets/arith/embedded_model.h"

#include "embedded/arith_model_config.h"
#include "embedded/arith_model_safetensors.h"
#include "embedded/arith_model_tokenizer.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {

std::vector<EmbeddedFile> ArithModelFiles() {
  return {{"model.safetensors", embedded::arith_model_safetensors()},
          {"config.json", embedded::arith_model_config()},
          {"tokenizer.json", embedded::arith_model_tokenizer()}};
}

absl::StatusOr<std::string> ExtractArithModel(const std::string& cache_folder) {
  constexpr size_t kHashDigits = 12;
  std::string hashes;
  for (const EmbeddedFile& file : ArithModelFiles()) hashes += Sha256Hex(file.content);
  const std::string folder =
      fmt::format("{}/models/{}-{}", cache_folder, kArithModelName, Sha256Hex(hashes).substr(0, kHashDigits));
  RETURN_IF_ERROR(MakeFolder(folder));
  for (const EmbeddedFile& file : ArithModelFiles()) {
    const std::string path = fmt::format("{}/{}", folder, file.name);
    const auto present = Sha256OfFile(path);
    if (present.ok() && *present == Sha256Hex(file.content)) continue;
    RETURN_IF_ERROR(WriteFileAtomically(path, file.content));
  }
  return folder;
}

}  // namespace kvscope
