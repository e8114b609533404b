// Claims of papers.
#include "eval/verify/claims.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/jsonl.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const auto json = ParseJson(bytes, "claims.json");
  if (json.ok()) ClaimSetFromJson(*json, "claims.json").IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  return {R"({"schema": 1, "name": "paper", "title": "t", "url": "https://example.org", "read_from": "v1",
 "models": {"a": ["a", "b"]}, "claims": [{"id": "x", "model": "a", "task": "gsm8k+", "length": "4k",
 "method": "full+slide", "prefill_budget": 2048, "window": 512, "recent": 256, "semantics": "published",
 "variant": "published", "samples": 43, "scorer": "published", "value": 42.5, "tolerance": 0.05, "file_value": 42.51,
 "source": {"table": "1", "row": "r", "column": "c"}, "note": "n"}],
 "missing": [{"table": "2", "what": "w", "cells": 4, "why": "no weights"}]})"};
}

}  // namespace kvscope
