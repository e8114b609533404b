// What flags of `run` are when they are left out and their value depends on others.
#pragma once

#include "datasets/builders.h"
#include "kernels/kv_page.h"
#include "kernels/precision.h"
#include "runtime/model/model_config.h"

namespace kvscope {

// C: 2048 tokens for prompts of the 4K set's size or less, 4096 above (SCOPE, section 5).
int DefaultPrefillBudget(const TaskInfo& task, int questions);

// T: room for every answer. For the published tasks 4096 tokens at the 4K set's number of questions and 7950
// above, less in proportion below; in published semantics, what the published code has: 4096 for 30
// questions, 7950 for any other number.
int DefaultMaxNewTokens(const TaskInfo& task, int questions, bool published);

// bf16; f32 for models so small (a hidden size below 256) that there is little to gain and that are compared
// exactly.
Precision DefaultPrecision(const ModelConfig& model);

// bf16 with arithmetic of that precision, else f32.
KvType DefaultKvType(Precision precision);

}  // namespace kvscope
