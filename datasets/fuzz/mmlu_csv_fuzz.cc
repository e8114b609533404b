// CSV files of MMLU.
#include "datasets/raw/readers.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  ReadMmlu(folder.Write("test.csv", bytes)).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  return {"What is 2 + 2?,1,2,3,4,D\n",
          "\"A \"\"quoted\"\",\ntwo-line question\",a,b,c,\"d, e\",B\r\nq,1,2,3,4,A\r\n"};
}

}  // namespace kvscope
