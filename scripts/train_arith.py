#!/usr/bin/env python3
"""Trains the Arith+ model from a seed, on CPU, and writes it as a Hugging Face folder.

    python3 -m venv VENV && VENV/bin/pip install torch safetensors numpy
    OMP_WAIT_POLICY=passive VENV/bin/python scripts/train_arith.py --out FOLDER

FOLDER gets model.safetensors (fp16), config.json, tokenizer.json, tokenizer_config.json and
training_record.json, and while training checkpoint.pt: the same command goes on from there after a stop.
Took 49 minutes on two busy cores (bfloat16 on AMX) with torch 2.15. PyPI's torch for Linux brings CUDA
libraries, which are not used here but must load.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import time

import torch

from arith import export
from arith.evaluation import free_running
from arith.recipe import CONFIG, RECIPE
from arith.trainer import Tally, Trainer

LOG_EVERY = 50
CHECKPOINT_EVERY = 100  # as EVALUATE_EVERY, a multiple of LOG_EVERY: a checkpoint holds no half-filled tally
EVALUATE_EVERY = 250
CURVE_SEED = 1  # evaluation seeds: the curve's, and the final table's
TABLE_SEED = 2


def save_atomically(state, path):
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def train(trainer, checkpoint):
    """Trains to the recipe's end, from the checkpoint if there is one. Returns the curve and the seconds."""
    curve, spent = [], 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        trainer.load_state_dict(state["trainer"])
        curve, spent = state["curve"], state["seconds"]
        print(f"going on from step {trainer.step}", flush=True)
    tally, started = Tally(), time.monotonic() - spent
    while trainer.step < trainer.recipe.steps:
        phase = trainer.recipe.phase_at(trainer.step).name
        trainer.train_step(tally)
        step = trainer.step
        if step % LOG_EVERY == 0:
            point = {"step": step, "phase": phase, "tokens": trainer.tokens, **tally.summary()}
            point["seconds"] = round(time.monotonic() - started)
            if step % EVALUATE_EVERY == 0:
                point["free_running"] = free_running(
                    trainer.model, questions=24, prompts=16, seed=CURVE_SEED
                )["percent"]
            curve.append(point)
            print(json.dumps(point), flush=True)
            tally = Tally()
        if step % CHECKPOINT_EVERY == 0 or step == trainer.recipe.steps:
            spent = time.monotonic() - started
            save_atomically({"trainer": trainer.state_dict(), "curve": curve, "seconds": spent}, checkpoint)
    return curve, spent


def accuracy_table(model):
    """Free-running with the full cache: what a comparison of methods measures against."""
    rows = [
        {"questions": 8, "prompts": 96},
        {"questions": 16, "prompts": 64},
        {"questions": 24, "prompts": 64},
        {"questions": 32, "prompts": 48},
        {"questions": 64, "prompts": 32},
        {"questions": 99, "prompts": 16},
        {"questions": 24, "prompts": 32, "bos": True},
        {"questions": 24, "prompts": 32, "fillers_per_line": 1.0},
        {"questions": 64, "prompts": 16, "fillers_per_line": 1.0},
    ]
    table = []
    for row in rows:
        table.append(free_running(model, seed=TABLE_SEED, **row))
        print(json.dumps(table[-1]), flush=True)
    return table


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)

    trainer = Trainer(CONFIG, RECIPE, arguments.seed)
    curve, seconds = train(trainer, arguments.out / "checkpoint.pt")
    sha256 = export.write(arguments.out, trainer.model)
    record = {
        "model_sha256": sha256,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "seed": arguments.seed,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "threads": arguments.threads,
        "wall_seconds": round(seconds),
        "tokens": trainer.tokens,
        "model": dataclasses.asdict(CONFIG),
        "recipe": dataclasses.asdict(RECIPE),
        "accuracy": accuracy_table(export.read(arguments.out)),
        "curve": curve,
    }
    (arguments.out / "training_record.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
