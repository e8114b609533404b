#!/usr/bin/env python3
"""kvscope, llama.cpp and Hugging Face transformers side by side on one GGUF file, in one interleaved run.

    python3 -m venv VENV
    VENV/bin/pip install llama-cpp-python --no-binary llama-cpp-python     # from source: for this machine's CPU
    VENV/bin/pip install torch transformers gguf accelerate
    VENV/bin/python bench/peers/run.py --json FILE

Every contender is a process of its own that stands still while another is timed. A round times each of them once, after
some of the same untimed; a figure is the median over rounds, a ratio the median of the rounds' ratios. Of a peer's
variants (llama.cpp with and without flash attention; Hugging Face in float32 and bfloat16) the faster one counts.
`--peers` without a name needs none.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SETTLE_S = 0.3  # threads of the last contender stop spinning
VOCABULARY = 40000  # of random prompts: ordinary tokens of SmolLM2
STEPS, WARM_UP_STEPS = 64, 16  # of one sequence: decode steps that are timed together, and those before them
QUALITY_PROMPT, QUALITY_TOKENS = 800, 2000

PEER_VARIANTS = {
    "llama_cpp": {"flash": {"flash": True}, "no_flash": {"flash": False}},
    "huggingface": {"f32": {"dtype": "f32"}, "bf16": {"dtype": "bf16"}},
}


def default_model():
    cache = os.environ.get("KVSCOPE_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "kvscope"
    )
    return pathlib.Path(cache, "models", "smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf")


class Contender:
    """A process that answers the requests of worker.py."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, op, **settings):
        self.process.stdin.write(json.dumps({"op": op, **settings}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]}: ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.process.args}: {op}: {answer['error']}")
        return answer

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Variant:
    """A contender with settings: what one column of a measurement is."""

    def __init__(self, contender, **settings):
        self.contender, self.settings = contender, settings

    def __call__(self, op, **more):
        return self.contender(op, **self.settings, **more)


def prompt(length, seed=0):
    numbers = random.Random(seed)
    return [numbers.randrange(100, VOCABULARY) for _ in range(length)]


def interleave(measures, rounds):
    """{name: seconds by round} of {name: function}, in turns; a round that warms up comes first and is dropped."""
    seconds = {name: [] for name in measures}
    for round_number in range(rounds + 1):
        for name, measure in measures.items():
            time.sleep(SETTLE_S)
            spent = measure()
            if round_number > 0:
                seconds[name].append(spent)
    return seconds


def time_prefill(variants, length, rounds):
    tokens = prompt(length)

    def measure(variant):
        variant("prefill", tokens=tokens)  # warm-up
        return variant("prefill", tokens=tokens)["seconds"]

    seconds = interleave({name: lambda v=variant: measure(v) for name, variant in variants.items()}, rounds)
    return {name: [length / s for s in values] for name, values in seconds.items()}


def decode(contender, batch, rows=1):
    """A contender's answer for some steps of an open batch, with `seconds` a step; others went before."""
    contender("decode", batch=batch, steps=max(1, WARM_UP_STEPS // rows))
    steps = max(1, STEPS // rows)
    answer = contender("decode", batch=batch, steps=steps)
    return answer | {"seconds": answer["seconds"] / steps, "steps": steps}


def time_decode(variants, depth, batch, rounds):
    """Tokens a second of all sequences together. The caches grow from round to round, for all alike."""
    prompts = [prompt(max(1, depth), seed) for seed in range(batch)]
    for name, variant in variants.items():
        variant("open", batch=name, prompts=prompts)
    seconds = interleave(
        {
            name: lambda n=name, c=variant.contender: decode(c, n, batch)["seconds"]
            for name, variant in variants.items()
        },
        rounds,
    )
    for name, variant in variants.items():
        variant.contender("close", batch=name)
    return {name: [batch / s for s in values] for name, values in seconds.items()}


def summary(rates, peers):
    """A measurement's line: medians, and ours in times of each peer's best variant.

    rates: {"ours" or "PEER/VARIANT": tokens a second by round}.
    """
    medians = {name: statistics.median(values) for name, values in rates.items()}
    line = {"ours": round(medians["ours"], 2)}
    for peer in peers:
        variants = [name for name in rates if name.split("/")[0] == peer]
        if not variants:
            continue
        best = max(variants, key=medians.get)
        line[peer] = round(medians[best], 2)
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["ours"], rates[best]))
        line[f"ratio_{peer}"] = round(ratio, 3)
    line["variants"] = {name: round(value, 2) for name, value in medians.items() if name != "ours"}
    return line


def machine():
    cpu = next(
        (l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown"
    )
    return {"cpu": cpu, "cores": os.cpu_count()}


class Run:
    def __init__(self, options):
        self.options = options
        self.peers = options.peers
        arguments = [options.model, str(options.threads)]
        self.contenders = {"ours": Contender([options.kvscope_peer, *arguments])}
        for peer in self.peers:
            self.contenders[peer] = Contender([sys.executable, str(HERE / f"{peer}_worker.py"), *arguments])

    def stop(self):
        for contender in self.contenders.values():
            contender.stop()

    def ours(self, **settings):
        return Variant(self.contenders["ours"], **{"precision": "bf16", "kv": "bf16", **settings})

    def variants(self, kv="bf16"):
        """Of a measurement: ours, and every variant of the peers."""
        variants = {"ours": self.ours(kv=kv)}
        for peer in self.peers:
            for name, settings in PEER_VARIANTS[peer].items():
                variants[f"{peer}/{name}"] = Variant(self.contenders[peer], **settings)
        return variants

    def prefill(self, length):
        return summary(time_prefill(self.variants(), length, self.options.rounds), self.peers)

    def decode(self, depth, batch=1, kv="bf16"):
        rates = time_decode(self.variants(kv), depth, batch, self.options.rounds)
        return summary(rates, self.peers)

    def bandwidth_share(self, depth):
        """Of what memory delivers while nothing is computed, the share that decoding at `depth` reads."""
        ours = self.ours()
        ours("open", batch="share", prompts=[prompt(depth)])
        bounds = []

        def measure():
            bounds.append(ours.contender("bandwidth")["bytes_per_s"])
            answer = decode(ours.contender, "share")
            return answer["bytes"] / answer["steps"] / answer["seconds"] / bounds[-1]

        shares = interleave({"ours": measure}, self.options.rounds)["ours"]
        ours.contender("close", batch="share")
        return {"share": statistics.median(shares), "bytes_per_s": statistics.median(bounds)}

    def slide_speedup(self, prompt_tokens=2048, decoded=4000, window=512):
        """full+none's time for the `decoded`th token in times of full+slide's."""
        methods = {"full": {}, "full+slide": {"window": window, "recent": window // 2, "max_new": 2 * decoded}}
        variants = {name: self.ours(method=name, **budgets) for name, budgets in methods.items()}
        for name, variant in variants.items():
            variant("open", batch=name, prompts=[prompt(prompt_tokens)])
            before = decoded - (WARM_UP_STEPS + STEPS) * (self.options.rounds + 1) // 2
            variant.contender("decode", batch=name, steps=before)
        seconds = interleave(
            {
                name: lambda n=name: decode(self.contenders["ours"], n)["seconds"]
                for name in variants
            },
            self.options.rounds,
        )
        for name in variants:
            self.contenders["ours"]("close", batch=name)
        return statistics.median(full / slide for full, slide in zip(seconds["full"], seconds["full+slide"]))

    def quality(self):
        """How far logits on GSM8K+ text are from those of float32, ours and llama.cpp's."""
        import quality  # needs numpy

        contender = self.contenders["ours"]
        tokens = contender("tokenize", text=quality.text(self.options.kvscope))["tokens"]
        tokens = tokens[: QUALITY_PROMPT + QUALITY_TOKENS]
        with tempfile.TemporaryDirectory() as folder:
            exact = os.path.join(folder, "f32")
            ask = {"tokens": tokens, "prompt": QUALITY_PROMPT}
            self.ours(precision="f32", kv="f32")("logits", out=exact, **ask)
            others = {"bf16": self.ours(), "int8": self.ours(kv="int8")}
            if "llama_cpp" in self.peers:
                others["llama_cpp"] = Variant(self.contenders["llama_cpp"], flash=True)
            found = {}
            for name, variant in others.items():
                path = os.path.join(folder, name)
                variant("logits", out=path, **ask)
                found[name] = quality.distance(exact, path, len(tokens) - QUALITY_PROMPT)
                os.remove(path)
        return {
            "tokens": len(tokens) - QUALITY_PROMPT,
            "kl_to_f32": {name: value[0] for name, value in found.items()},
            "top1_to_f32": {name: value[1] for name, value in found.items()},
        }


def measure(options):
    run = Run(options)
    try:
        result = {
            "date": datetime.date.today().isoformat(),
            "machine": machine() | {"threads": options.threads, "level": run.contenders["ours"]("version")["level"]},
            "model": os.path.basename(options.model),
            "rounds": options.rounds,
            "peers": {peer: run.contenders[peer]("version") for peer in run.peers},
        }
        steps = {
            "prefill_512": lambda: run.prefill(512),
            "prefill_2900": lambda: run.prefill(2900),
            "prefill_4096": lambda: run.prefill(4096),
            "decode_d0": lambda: run.decode(0),
            "decode_d4096": lambda: run.decode(4096),
            "decode_d4096_int8": lambda: run.decode(4096, kv="int8"),
            "decode_b8_d4096": lambda: run.decode(4096, batch=8),
            "decode_b8_d4096_int8": lambda: run.decode(4096, batch=8, kv="int8"),
            "slide_speedup_at_4000": run.slide_speedup,
            "bandwidth_share_d4096": lambda: run.bandwidth_share(4096),
            "quality": run.quality,
        }
        for name, step in steps.items():
            if options.only and name not in options.only:
                continue
            result[name] = step()
            print(name, json.dumps(result[name]), file=sys.stderr, flush=True)
        if "quality" in result:
            result |= result.pop("quality")
        return result
    finally:
        run.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, help="where the figures go; default: standard output")
    parser.add_argument("--model", default=str(default_model()), help="a GGUF file; default: the cached SmolLM2")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", default=list(PEER_VARIANTS), choices=list(PEER_VARIANTS))
    parser.add_argument("--only", nargs="*", help="measurements by name; default: all")
    build = ROOT / "build" / "cpu"
    parser.add_argument("--kvscope", default=str(build / "kvscope"))
    parser.add_argument("--kvscope-peer", default=str(build / "bench" / "peers" / "kvscope_peer"))
    options = parser.parse_args()
    text = json.dumps(measure(options), indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
