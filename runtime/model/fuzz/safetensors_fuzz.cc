// safetensors files: as they are, and as a header and its tensors, which get the length that the file begins
// with.
#include <cstring>
#include <span>

#include "results/base/fuzz/fuzz_target.h"
#include "runtime/model/safetensors.h"
#include "runtime/model/test_files.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  ParseSafetensors(std::as_bytes(std::span(bytes)), "fuzz.safetensors").IgnoreError();
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 2);
  const uint64_t header_bytes = parts[0].size();
  std::string file(sizeof(header_bytes), '\0');
  std::memcpy(file.data(), &header_bytes, sizeof(header_bytes));
  file.append(parts[0]).append(parts[1]);
  ParseSafetensors(std::as_bytes(std::span(file)), "fuzz.safetensors").IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  using testing_files::RandomTensor;
  const std::vector<std::byte> file = testing_files::BuildSafetensors(
      {RandomTensor("a", DType::kF16, {3}, 1), RandomTensor("b", DType::kF32, {2, 3}, 2),
       RandomTensor("c", DType::kBF16, {5, 1}, 3)});
  const std::string bytes(reinterpret_cast<const char*>(file.data()), file.size());
  const std::string behind_length = bytes.substr(sizeof(uint64_t));
  const size_t header_end = behind_length.find_last_of('}') + 1;
  return {bytes, JoinFuzzInput({behind_length.substr(0, header_end), bytes.substr(bytes.size() - 40)})};
}

}  // namespace kvscope
