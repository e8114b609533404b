"""How far one program's logits are from another's."""

import json
import pathlib
import subprocess
import tempfile

import numpy


def text(kvscope):
    """A GSM8K+ prompt of 4K tokens: worked examples and questions."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "prompts.jsonl")
        subprocess.run(
            [kvscope, "build", "--task", "gsm8k+", "--length", "4k", "--out", str(out), "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with out.open() as file:
            return json.loads(file.readline())["text"]


def distance(exact, other, rows):
    """(mean KL(exact || other) in nat, share of rows with the same most likely token) of two logit files."""
    exact = numpy.memmap(exact, numpy.float32).reshape(rows, -1)
    other = numpy.memmap(other, numpy.float32).reshape(rows, -1)
    divergence, agreed = 0.0, 0
    for row in range(rows):
        p, q = log_softmax(exact[row]), log_softmax(other[row])
        divergence += float(numpy.sum(numpy.exp(p) * (p - q)))
        agreed += int(p.argmax() == q.argmax())
    return divergence / rows, agreed / rows


def log_softmax(logits):
    logits = logits.astype(numpy.float64)
    logits -= logits.max()
    return logits - numpy.log(numpy.exp(logits).sum())
