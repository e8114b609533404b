#!/usr/bin/env python3
"""Pictures from the JSON of `kvscope inspect` and from scored run folders, as PNG and SVG.

  kvscope inspect heavy-hitters ... --json > hh.json     figures.py heavy-hitters hh.json -o hh
  kvscope inspect attention ... --json > att.jsonl       figures.py attention att.jsonl -o att
  figures.py prefill-ratio RUN_DIR... -o ratio

Needs matplotlib (Debian: python3-matplotlib). No display: figures go to files.
"""

import argparse
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be set first)


def read_json_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def save(figure, stem):
    for suffix in (".png", ".svg"):
        figure.savefig(stem + suffix, bbox_inches="tight", dpi=150)
    print(f"{stem}.png and {stem}.svg", file=sys.stderr)


def heavy_hitters(path, stem):
    """One panel a layer: where along the text the heavy hitters of each step lie; the dashed line ends the prompt."""
    rows = read_json_lines(path)
    header = rows[0]
    rows = rows[1:]
    layers = sorted({row["layer"] for row in rows})
    figure, panels = plt.subplots(1, len(layers), figsize=(4 * len(layers), 3), sharey=True, squeeze=False)
    steps = sorted({row["step"] for row in rows})
    for panel, layer in zip(panels[0], layers):
        for row in (row for row in rows if row["layer"] == layer):
            height = steps.index(row["step"])
            panel.plot(row["positions"], [height] * len(row["positions"]), "|", markersize=9, color="tab:blue")
            share = 100 * row["in_prompt"] / len(row["positions"])
            panel.annotate(f"{share:.0f} % in prompt", (0, height + 0.25), fontsize=7)
        panel.axvline(header["prompt_tokens"] - 0.5, linestyle="--", color="gray", linewidth=1)
        panel.set_title(f"layer {layer}")
        panel.set_xlabel("position")
        panel.set_yticks(range(len(steps)), [f"step {step + 1}" for step in steps])
        panel.set_ylim(-0.5, len(steps) - 0.3)
    figure.suptitle(y=1.06, t=f"top {100 * header['share']:.0f} % of keys by attention, {header['model']}")
    save(figure, stem)


def attention(path, stem):
    """Attention of each decode step over all positions, on a logarithmic scale of colour."""
    rows = read_json_lines(path)
    header = rows[0]
    rows = rows[1:]
    layers = sorted({row["layer"] for row in rows})
    figure, panels = plt.subplots(1, len(layers), figsize=(5 * len(layers), 4), squeeze=False)
    for panel, layer in zip(panels[0], layers):
        chosen = [row["attention"] for row in rows if row["layer"] == layer]
        width = max(map(len, chosen))
        grid = [row + [float("nan")] * (width - len(row)) for row in chosen]
        norm = matplotlib.colors.LogNorm(vmin=1e-5, vmax=1)
        image = panel.imshow(grid, aspect="auto", norm=norm, cmap="viridis", interpolation="nearest")
        panel.axvline(header["prompt_tokens"] - 0.5, linestyle="--", color="white", linewidth=1)
        panel.set_title(f"layer {layer}")
        panel.set_xlabel("position")
        panel.set_ylabel("decode step")
        figure.colorbar(image, ax=panel, label="attention")
    figure.suptitle(y=1.04, t=f"attention, mean over heads, {header['model']}")
    save(figure, stem)


def prefill_ratio(folders, stem):
    """Accuracy against the share of the prompt that prefill keeps, a line for each method."""
    lines = {}
    for folder in map(pathlib.Path, folders):
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        samples = read_json_lines(folder / "samples.jsonl")
        prompt = sum(sample["prompt_tokens"] for sample in samples) / len(samples)
        config = run["config"]
        budget = config.get("prefill_budget") or prompt
        percent = scores["scorers"]["clean"]["score_percent"]
        lines.setdefault(config["method"], []).append((min(1.0, budget / prompt), percent))
    figure, panel = plt.subplots(figsize=(5, 3.5))
    for method, points in sorted(lines.items()):
        points.sort()
        panel.plot(*zip(*points), marker="o", label=method)
    panel.set_xlabel("prefill budget / prompt tokens")
    panel.set_ylabel("questions right, %")
    panel.set_ylim(bottom=0)
    panel.legend()
    save(figure, stem)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["heavy-hitters", "attention", "prefill-ratio"])
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("-o", "--out", required=True, help="file name without its suffix")
    arguments = parser.parse_args()
    if arguments.kind == "prefill-ratio":
        prefill_ratio(arguments.inputs, arguments.out)
    else:
        draw = heavy_hitters if arguments.kind == "heavy-hitters" else attention
        draw(arguments.inputs[0], arguments.out)


if __name__ == "__main__":
    main()
