// tokenizer.json, and a text for the tokenizer that it makes.
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/jsonl.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 2);
  const auto description = ParseJson(parts[0], "tokenizer.json");
  if (!description.ok()) return;
  const auto tokenizer = Tokenizer::FromJson(*description);
  if (!tokenizer.ok()) return;
  const std::vector<int> ids = (*tokenizer)->Encode(parts[1]);
  (*tokenizer)->Decode(ids, /*with_special=*/true);
  (*tokenizer)->Decode(ids);
}

std::vector<std::string> FuzzSeeds() {
  const std::string bytes = R"({"model": {"type": "BPE", "unk_token": "?", "ignore_merges": true,
 "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "?": 5, "Ġ": 6}, "merges": ["a b", ["ab", "c"]]},
 "added_tokens": [{"id": 7, "content": "<s>", "special": true}, {"id": 8, "content": "<t>"}], "normalizer": null,
 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
 "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
 "decoder": {"type": "ByteLevel"}})";
  const std::string steps = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
 {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|\\s+(?!\\S)|[^\\r\\n]+"}, "behavior": "Isolated", "invert": false},
 {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
 "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}]}})";
  return {JoinFuzzInput({bytes, "abc <s>ab\xff c<t>"}), JoinFuzzInput({steps, "ab 12345  a\n\nb"})};
}

}  // namespace kvscope
