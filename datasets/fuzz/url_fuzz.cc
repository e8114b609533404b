// URLs, a mirror's and a redirect's included.
#include "datasets/url.h"
#include "results/base/fuzz/fuzz_target.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 2);
  ParseUrl(parts[0]).IgnoreError();
  CheckMayOpen(parts[0], /*allow_loopback_http=*/true).IgnoreError();
  CheckRedirect(parts[0], parts[1]).IgnoreError();
  MirroredUrl(parts[0], parts[1]);
  MayCarryToken(parts[0]);
}

std::vector<std::string> FuzzSeeds() {
  return {JoinFuzzInput({"https://huggingface.co/a/b.json", "https://mirror.example:8443/x/"}),
          JoinFuzzInput({"http://127.0.0.1:80/x?y#z", "http://[::1]:8080/"}),
          JoinFuzzInput({"file:///tmp/x", "https://user:password@example.org"})};
}

}  // namespace kvscope
