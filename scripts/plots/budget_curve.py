#!/usr/bin/env python3
"""Accuracy against the decoding window and against memory, with the knees found, as SVG for light and dark pages.

  kvscope sweep arith_curve --out DIR; kvscope report DIR -o curve.csv
  kvscope sweep arith_curve --out DIR --find-knee --json > knees.json
  budget_curve.py curve.csv --knees knees.json -o curve      writes curve-light.svg and curve-dark.svg

Needs matplotlib (Debian: python3-matplotlib).
"""

import argparse
import csv
import dataclasses
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be set first)

FULL = "full"


@dataclasses.dataclass(frozen=True)
class Theme:
    page: str
    ink: str
    series: tuple  # as in the reports


THEMES = {
    "light": Theme("#ffffff", "#1a212b", ("#1a4ba9", "#902310", "#179e80", "#9c7532", "#846ac3")),
    "dark": Theme("#0d1117", "#e8ebef", ("#5d76ad", "#e07c30", "#71c78f", "#e5c03d", "#aa8ef5")),
}


class Curve:
    """The rows of one method and prefill budget, by rising window."""

    def __init__(self, rows):
        rows = sorted(rows, key=lambda row: int(row["window"]))
        first = rows[0]
        self.label = first["method"] + (f", C = {first['prefill_budget']}" if first["prefill_budget"] else "")
        self.windows = [int(row["window"]) for row in rows]
        self.shares = [float(row["kv_share_percent"]) for row in rows]
        self.accuracies = [float(row["accuracy_percent"]) for row in rows]
        self.half_widths = [float(row["accuracy_half_width"]) for row in rows]
        self.binds = ["never binds" not in row["warnings"] for row in rows]
        self.cells = {pathlib.PurePath(row["folder"]).name for row in rows}


def read_curves(path):
    """The full cache's accuracy, and the curves in the order of the table."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    full = next(float(row["accuracy_percent"]) for row in rows if row["method"] == FULL)
    groups = {}
    for row in rows:
        if row["window"]:
            groups.setdefault((row["method"], row["prefill_budget"]), []).append(row)
    return full, [Curve(group) for group in groups.values()]


def read_knees(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def knee_of(curve, knees):
    """Index of the curve's point that is its knee, or None."""
    windows = [knee["window"] for knee in knees if knee["cell"] in curve.cells and knee["window"]]
    return curve.windows.index(windows[0]) if windows else None


def draw_panel(panel, full, curves, knees, places, theme):
    panel.axhline(full, color="gray", linestyle="--", linewidth=1)
    panel.annotate("full cache", (0.02, full + 1), xycoords=("axes fraction", "data"), fontsize=8)
    for curve, colour in zip(curves, theme.series):
        x = places(curve)
        panel.errorbar(x, curve.accuracies, curve.half_widths, color=colour, capsize=2, label=curve.label)
        for place, accuracy, binds in zip(x, curve.accuracies, curve.binds):
            panel.plot(place, accuracy, "o", color=colour, markerfacecolor=colour if binds else theme.page)
        knee = knee_of(curve, knees)
        if knee is not None:
            panel.plot(x[knee], curve.accuracies[knee], "o", color=colour, markersize=13, fillstyle="none")


def draw(full, curves, knees, theme, path):
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style = {name: theme.ink for name in inked}
    # Text stays text, and the same input gives the same file.
    style |= {"svg.fonttype": "none", "svg.hashsalt": "kvscope"}
    style |= {"axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": theme.page}
    with plt.rc_context(style):
        figure, (by_window, by_memory) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
        draw_panel(by_window, full, curves, knees, lambda curve: curve.windows, theme)
        draw_panel(by_memory, full, curves, knees, lambda curve: curve.shares, theme)
        windows = sorted({window for curve in curves for window in curve.windows})
        by_window.set_xscale("log", base=2)
        by_window.set_xticks(windows, [str(window) for window in windows])
        by_window.set_xlabel("W: tokens a head holds in decoding")
        by_window.set_ylabel("questions right, %")
        by_window.set_ylim(0, 105)
        by_memory.set_xlim(0, 105)
        by_memory.set_xlabel("peak KV memory, % of the full cache's")
        handles, labels = by_window.get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=len(labels), bbox_to_anchor=(0.5, 1.0), frameon=False)
        note = "Ring: knee, the smallest window not inferior to the full cache. Hollow: the window never binds."
        figure.text(0.5, -0.06, note, ha="center", fontsize=9)
        figure.savefig(path, facecolor=theme.page, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", help="CSV of kvscope report")
    parser.add_argument("--knees", required=True, help="JSON of kvscope sweep --find-knee --json")
    parser.add_argument("-o", "--out", required=True, help="file name without its suffix")
    arguments = parser.parse_args()
    full, curves = read_curves(arguments.report)
    knees = read_knees(arguments.knees)
    for name, theme in THEMES.items():
        draw(full, curves, knees, theme, f"{arguments.out}-{name}.svg")


if __name__ == "__main__":
    main()
