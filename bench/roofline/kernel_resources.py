#!/usr/bin/env python3
"""Registers, shared memory, spills and occupancy of every kernel, from what ptxas said of them.

    kernel_resources.py --build BUILD --write FILE.json     the table of a build with nvcc; fails on a spill
    kernel_resources.py --build BUILD --check FILE.json     the same, compared with a table made before
    kernel_resources.py --summary FILE.json                 the README's table

Occupancy is calculated, for the dynamic shared memory of a head dimension of 128: warps that a multiprocessor can hold
at a time, of those it has places for. It is a bound: no GPU was asked.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

HEAD_DIM = 128
GPUS = pathlib.Path(__file__).resolve().parent / "gpus.json"

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def dynamic_shared_bytes(kernel):
    """What launches ask for beyond what ptxas sees. kernel_work_test.cc holds it against real launches."""
    rows, padded = re.match(r"DecodeAttentionKernel<(\d+)", kernel), HEAD_DIM + 1
    if rows:
        return 4 * 4 * int(rows[1]) * HEAD_DIM  # 4 warps' sums
    if kernel.startswith("PrefillAttentionKernel"):
        return 4 * (32 * padded + 64 * padded + 32 * 65)  # queries, a page's rows, probabilities
    if kernel.startswith("ReceivedAttentionKernel"):
        return 4 * (32 * padded + 64 * padded)
    if tiles := re.match(r"TensorPrefillKernel<\w+, (\d+)>", kernel):
        return 3 * 64 * (int(tiles[1]) + 8) * 2  # queries, keys and values of its own head dimension
    if tiles := re.match(r"TensorMatMulKernel<\w+, (\d+), (\d+)>", kernel):
        return 2 * 2 * (16 * int(tiles[1]) + int(tiles[2])) * 72  # two tiles of weights and of activations
    return 0


def short_names(mangled):
    """Kernels as C++ names without namespaces and parameters."""
    names = subprocess.run(
        ["c++filt", *mangled], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    short = []
    for name in names:
        name = name.replace("(anonymous namespace)::", "").replace("kvscope::", "")
        name = re.sub(r"\(DType\)(\d+)", lambda m: ["kF32", "kF16", "kBF16", "kQ8_0", "kQ4_0", "kQ4_1"][int(m[1])], name)
        name = re.sub(r"\b(\d+)u\b", r"\1", name.removeprefix("void "))
        short.append(name[: name.index("(")])
    return dict(zip(mangled, short))


def read_messages(text):
    """{mangled name: {architecture: figures}}"""
    kernels, figures = {}, None
    for line in text.splitlines():
        if entry := ENTRY.search(line):
            figures = kernels.setdefault(entry[1], {}).setdefault(entry[2], {"shared_bytes": 0})
        elif figures is not None and (spills := SPILLS.search(line)):
            figures["spill_bytes"] = int(spills[2]) + int(spills[3])
            figures["stack_bytes"] = int(spills[1])
        elif figures is not None and (registers := REGISTERS.search(line)):
            figures["registers"] = int(registers[1])
            if shared := SHARED.search(line):
                figures["shared_bytes"] = int(shared[1])
            figures = None
    return kernels


def round_up(value, unit):
    return -(-value // unit) * unit


def blocks_per_multiprocessor(limits, threads, registers, shared_bytes):
    warps = -(-threads // 32)
    by_registers = limits["registers"] // round_up(registers * 32, 256) // warps
    by_shared = limits["shared_bytes"] // round_up(shared_bytes + 1024, 128)
    return min(limits["blocks"], limits["warps"] // warps, by_registers, by_shared)


def launch_bounds(build):
    """{mangled name: threads of a block}, from the PTX that the build keeps."""
    bounds = {}
    for path in build.glob("kernels/cuda/kept/*.ptx"):
        for entry in re.finditer(r"\.entry (\w+)\(.*?\)\s*\.maxntid (\d+)", path.read_text(), re.DOTALL):
            bounds[entry[1]] = int(entry[2])
    return bounds


def toolkit(nvcc):
    return re.search(r"V([\d.]+)", subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout)[1]


def collect(build, nvcc):
    with open(GPUS) as file:
        limits = {entry["name"]: entry for entry in json.load(file)["architectures"]}
    found = {}
    for path in sorted(build.glob("kernels/cuda/**/*.messages")):
        found.update(read_messages(path.read_text()))
    if not found:
        sys.exit(f"{build}: no messages of ptxas: was it built with nvcc?")
    bounds, names = launch_bounds(build), short_names(list(found))
    kernels = []
    for mangled, by_architecture in found.items():
        kernel, threads = names[mangled], bounds[mangled]
        dynamic = dynamic_shared_bytes(kernel)
        row = {"kernel": kernel, "threads": threads, "dynamic_shared_bytes": dynamic}
        for architecture, figures in sorted(by_architecture.items()):
            blocks = blocks_per_multiprocessor(
                limits[architecture], threads, figures["registers"], figures["shared_bytes"] + dynamic
            )
            occupancy = round(100 * blocks * -(-threads // 32) / limits[architecture]["warps"])
            row[architecture] = figures | {"blocks": blocks, "occupancy_percent": occupancy}
        kernels.append(row)
    kernels.sort(key=lambda row: row["kernel"])
    return {
        "made_by": "scripts/check cuda",
        "toolkit": toolkit(nvcc),
        "dynamic_shared_bytes": f"at a head dimension of {HEAD_DIM}",
        "occupancy_percent": "calculated: resident warps of those that fit a multiprocessor",
        "kernels": kernels,
    }


def problems(table):
    """What must not be: spills, stacks, kernels that are not in all architectures or fit none."""
    found = []
    architectures = {name for row in table["kernels"] for name in row if name.startswith("sm_")}
    for row in table["kernels"]:
        for architecture in sorted(architectures):
            figures = row.get(architecture)
            if figures is None:
                found.append(f"{row['kernel']}: not compiled for {architecture}")
            elif figures["spill_bytes"] != 0 or figures["stack_bytes"] != 0:
                found.append(
                    f"{row['kernel']}: {architecture}: expected no spills and no stack, found "
                    f"{figures['spill_bytes']} bytes spilled, a stack of {figures['stack_bytes']}"
                )
            elif figures["blocks"] == 0:
                found.append(f"{row['kernel']}: {architecture}: no block fits a multiprocessor")
    return found


def render(table):
    """The file: a kernel a line."""
    head = {key: value for key, value in table.items() if key != "kernels"}
    lines = ",\n".join("    " + json.dumps(row) for row in table["kernels"])
    return json.dumps(head, indent=2)[:-2] + ',\n  "kernels": [\n' + lines + "\n  ]\n}\n"


def summary(table):
    architectures = [name for name in ("sm_80", "sm_90", "sm_100") if name in table["kernels"][0]]
    lines = [
        "| kernel | forms | threads | " + " | ".join(f"{name}: registers, occupancy %" for name in architectures) + " |",
        "| --- | --: | --: |" + " --: |" * len(architectures),
    ]
    forms = {}
    for row in table["kernels"]:
        forms.setdefault(row["kernel"].partition("<")[0], []).append(row)
    for kernel, rows in forms.items():
        cells = [f"`{kernel}`", str(len(rows)), span(rows, lambda row: row["threads"])]
        for name in architectures:
            cells.append(
                span(rows, lambda row: row[name]["registers"])
                + ", "
                + span(rows, lambda row: row[name]["occupancy_percent"])
            )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def span(rows, figure):
    low, high = min(map(figure, rows)), max(map(figure, rows))
    return str(low) if low == high else f"{low} to {high}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--summary", type=pathlib.Path)
    args = parser.parse_args()
    if args.summary:
        print(summary(json.loads(args.summary.read_text())))
        return
    table = collect(args.build, args.nvcc)
    if args.write:
        args.write.write_text(render(table))
    found = problems(table)
    if args.check:
        committed = json.loads(args.check.read_text())
        if committed["toolkit"] != table["toolkit"]:
            print(f"{args.check} is of toolkit {committed['toolkit']}, this is {table['toolkit']}: not compared")
        elif committed != table:
            found.append(f"{args.check} is not what this build says: make it anew with --write")
    if found:
        sys.exit("\n".join(found))
    print(f"{len(table['kernels'])} kernels, no spills")


if __name__ == "__main__":
    main()
