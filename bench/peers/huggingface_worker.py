#!/usr/bin/env python3
"""Hugging Face transformers on the same GGUF file, dequantized: huggingface_worker.py MODEL.gguf THREADS."""

import pathlib
import sys
import time

import torch
import transformers
from worker import serve

TOKEN = 100  # fed in every timed step: no contender samples

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class HuggingFace:
    def __init__(self, path, threads):
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        transformers.logging.disable_progress_bar()
        path = pathlib.Path(path)
        self.batches = {}
        self.models = {
            name: transformers.AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                dtype=dtype,
                attn_implementation="sdpa",
                quantization_config=transformers.GgufConfig(dequantize=True),
            ).eval()
            for name, dtype in DTYPES.items()
        }

    def version(self):
        return {"version": f"transformers {transformers.__version__}, torch {torch.__version__}"}

    @staticmethod
    def _feed(model, tokens, cache):
        output = model(torch.tensor(tokens), past_key_values=cache, use_cache=True, logits_to_keep=1)
        return output.past_key_values

    def prefill(self, tokens, dtype):
        start = time.perf_counter()
        self._feed(self.models[dtype], [tokens], None)
        return {"seconds": time.perf_counter() - start}

    def open(self, batch, prompts, dtype):
        model = self.models[dtype]
        self.batches[batch] = model, len(prompts), self._feed(model, prompts, None)

    def decode(self, batch, steps):
        model, rows, cache = self.batches[batch]
        start = time.perf_counter()
        for _ in range(steps):
            cache = self._feed(model, [[TOKEN]] * rows, cache)
        seconds = time.perf_counter() - start
        self.batches[batch] = model, rows, cache
        return {"seconds": seconds}

    def close(self, batch):
        del self.batches[batch]


if __name__ == "__main__":
    serve(HuggingFace(sys.argv[1], int(sys.argv[2])))
