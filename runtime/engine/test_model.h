// A random Llama model in memory, for tests that need no file.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/model/model.h"

namespace kvscope {

struct TestModelShape {
  uint32_t layers = 3;
  uint32_t hidden = 32;
  uint32_t heads = 4;
  uint32_t kv_heads = 2;
  uint32_t head_dim = 8;
  uint32_t ffn = 48;
  uint32_t vocab = 50;
};

// Float32 weights from a seed, scaled so that attention is peaked without being degenerate; 4096 positions,
// EOS is id 0.
std::shared_ptr<const Model> MakeTestModel(uint32_t seed, const TestModelShape& shape = {});

}  // namespace kvscope
