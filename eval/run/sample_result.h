// From what the engine gives to what a run records.
#pragma once

#include "datasets/prompt.h"
#include "results/sample_record.h"
#include "runtime/engine/engine.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {

// `timed`: the sequence ran alone, so that its times mean something.
SampleRecord ToSampleRecord(const Prompt& prompt, size_t prompt_tokens, const SequenceResult& result,
                            const Tokenizer& tokenizer, bool timed);

}  // namespace kvscope
