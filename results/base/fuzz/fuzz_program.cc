// A target as libFuzzer's program. `--write-corpus=FOLDER` writes the seeds to FOLDER, which exists, and the
// words of mutations to FOLDER.dict, and ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/fuzz/fuzz_target.h"

namespace kvscope {
namespace {

void WriteOrDie(const std::string& path, std::string_view content) {
  const absl::Status status = WriteFileAtomically(path, content);
  if (status.ok()) return;
  fmt::print(stderr, "{}\n", std::string(status.message()));
  std::exit(EXIT_FAILURE);
}

void WriteCorpus(const std::string& folder) {
  const std::vector<std::string> seeds = FuzzSeeds();
  for (size_t i = 0; i < seeds.size(); ++i) WriteOrDie(fmt::format("{}/seed{:03}", folder, i), seeds[i]);
  std::string dictionary;
  for (const std::string& word : FuzzWords(seeds)) dictionary += fmt::format("\"{}\"\n", word);
  WriteOrDie(folder + ".dict", dictionary);
}

}  // namespace
}  // namespace kvscope

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view kWriteCorpus = "--write-corpus=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = (*argv)[i];
    if (!argument.starts_with(kWriteCorpus)) continue;
    kvscope::WriteCorpus(std::string(argument.substr(kWriteCorpus.size())));
    std::exit(EXIT_SUCCESS);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kvscope::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
