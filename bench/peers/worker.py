"""What every contender's program does: answer requests, one JSON object a line, until its input ends.

    {"op": "prefill", "tokens": [...], ...}     ->  {"seconds": s}    one prompt into an empty cache
    {"op": "open", "batch": name, "prompts": [[...], ...], ...} -> {}  a batch of sequences, a prompt each
    {"op": "decode", "batch": name, "steps": n}  -> {"seconds": s}    n steps of it
    {"op": "close", "batch": name}               -> {}
    {"op": "logits", "tokens": [...], "prompt": p, "out": file} -> {} float32 [len(tokens) - p, vocabulary]:
        row i is what follows tokens[:p + i], the first from prefill, the others from decode steps

"...": the contender's own settings. An error is {"error": text}, and the program goes on.
"""

import json
import sys


def serve(contender):
    """Calls contender.OP(**request) for each request. Only the answers go to standard output."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(contender, request.pop("op"))(**request)
        except Exception as error:  # the driver decides what a failure means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer or {}), file=answers, flush=True)
