#!/usr/bin/env python3
"""llama.cpp through llama-cpp-python's low-level interface: llama_cpp_worker.py MODEL.gguf THREADS."""

import ctypes
import sys
import time

import llama_cpp
import numpy
from worker import serve

TOKEN = 100  # fed in every timed step: no contender samples
ROOM = 1024  # tokens that a context leaves for decoding

KV_TYPES = {"f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}


class Sequences:
    """A context whose sequences hold one prompt each."""

    def __init__(self, model, threads, prompts, flash, kv, room):
        params = llama_cpp.llama_context_default_params()
        params.n_seq_max = len(prompts)
        params.n_ctx = len(prompts) * (max(map(len, prompts)) + room)
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = KV_TYPES[kv]
        params.kv_unified = False
        params.flash_attn_type = (
            llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.no_perf = True
        self.context = llama_cpp.llama_init_from_model(model, params)
        if not self.context:
            raise RuntimeError("llama_init_from_model failed")
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self.chunk = llama_cpp.llama_n_batch(self.context)
        self.batch = llama_cpp.llama_batch_init(max(self.chunk, len(prompts)), 0, 1)
        self.positions = [0] * len(prompts)
        for sequence, prompt in enumerate(prompts):
            self.feed(sequence, prompt)

    def close(self):
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)

    def _put(self, slot, token, sequence, wants_logits):
        self.batch.token[slot] = token
        self.batch.pos[slot] = self.positions[sequence]
        self.batch.n_seq_id[slot] = 1
        self.batch.seq_id[slot][0] = sequence
        self.batch.logits[slot] = wants_logits
        self.positions[sequence] += 1

    def _run(self, tokens):
        self.batch.n_tokens = tokens
        if llama_cpp.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")

    def feed(self, sequence, tokens):
        for first in range(0, len(tokens), self.chunk):
            part = tokens[first : first + self.chunk]
            for slot, token in enumerate(part):
                self._put(slot, token, sequence, first + slot == len(tokens) - 1)
            self._run(len(part))
        llama_cpp.llama_synchronize(self.context)

    def step(self, token):
        for sequence in range(len(self.positions)):
            self._put(sequence, token, sequence, True)
        self._run(len(self.positions))
        llama_cpp.llama_synchronize(self.context)

    def logits(self):
        data = llama_cpp.llama_get_logits_ith(self.context, -1)
        return numpy.ctypeslib.as_array(data, (self.vocabulary,))


class LlamaCpp:
    def __init__(self, path, threads):
        llama_cpp.llama_backend_init()
        self.quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p(0))
        params = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise RuntimeError(f"{path}: not loaded")
        self.threads = threads
        self.batches = {}

    def version(self):
        return {
            "version": f"llama-cpp-python {llama_cpp.__version__}",
            "features": llama_cpp.llama_print_system_info().decode(),
        }

    def prefill(self, tokens, flash, kv="f16"):
        # An empty prompt makes the context, whose memory is not part of a prefill's time.
        sequences = Sequences(self.model, self.threads, [[]], flash, kv, len(tokens) + ROOM)
        start = time.perf_counter()
        sequences.feed(0, tokens)
        seconds = time.perf_counter() - start
        sequences.close()
        return {"seconds": seconds}

    def open(self, batch, prompts, flash, kv="f16"):
        self.batches[batch] = Sequences(self.model, self.threads, prompts, flash, kv, ROOM)

    def decode(self, batch, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.batches[batch].step(TOKEN)
        return {"seconds": time.perf_counter() - start}

    def close(self, batch):
        self.batches.pop(batch).close()

    def logits(self, tokens, prompt, out, flash, kv="f16"):
        sequences = Sequences(self.model, self.threads, [tokens[:prompt]], flash, kv, len(tokens))
        with open(out, "wb") as file:
            file.write(sequences.logits().tobytes())
            for token in tokens[prompt:-1]:
                sequences.step(token)
                file.write(sequences.logits().tobytes())
        sequences.close()


if __name__ == "__main__":
    serve(LlamaCpp(sys.argv[1], int(sys.argv[2])))
