#include "runtime/model/model.h"

#include <filesystem>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"
#include "runtime/model/llama_gguf.h"
#include "runtime/model/llama_huggingface.h"

namespace kvscope {

absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    ASSIGN_OR_RETURN(const HuggingFaceFiles files, ReadHuggingFaceFolder(path));
    return LoadLlamaHuggingFace(files);
  }
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return LoadLlamaGguf(file, file->bytes(), path);
}

}  // namespace kvscope
