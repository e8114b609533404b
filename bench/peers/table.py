#!/usr/bin/env python3
"""The README's table of a measurement: table.py FILE.json prints it."""

import json
import sys

RATES = {
    "prefill_512": "prefill, 512 tokens",
    "prefill_2900": "prefill, 2,900 tokens",
    "prefill_4096": "prefill, 4,096 tokens",
    "decode_d0": "decode, empty cache",
    "decode_d4096": "decode at 4,096",
    "decode_d4096_int8": "decode at 4,096, int8 cache",
    "decode_b8_d4096": "decode at 4,096, batch of 8",
    "decode_b8_d4096_int8": "decode at 4,096, batch of 8, int8 cache",
}


def render(result):
    lines = [
        "| tokens a second | kvscope | llama.cpp | ratio | Hugging Face | ratio |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for key, title in RATES.items():
        if key not in result:
            continue
        row = result[key]
        cells = [title, f"{row['ours']:,.0f}"]
        for peer in ("llama_cpp", "huggingface"):
            cells += [f"{row[peer]:,.1f}", f"{row['ratio_' + peer]:.1f}"] if peer in row else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(render(json.load(file)))
