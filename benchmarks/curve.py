"""A training run as a picture: losses, and rank-1 on held-out people, over the time it took.

    python benchmarks/curve.py RUN [RUN ...] --out curve.png

RUN: folders of `meshgait train`, one after the other where one began with the weights of the one before.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

LOSSES = ("contrast", "contrast_parts", "traits", "joints", "markers")
COLOURS = ("#2f5fb3", "#7aa6e8", "#8a8a8a", "#c05a1e", "#e8a06a", "#3c8c5a")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("curve.png"))
    chosen = parser.parse_args()
    lines: list[tuple[float, dict[str, float]]] = []
    borders, before = [], 0.0
    for run in chosen.runs:
        own = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        lines += [(before + line["seconds"] / 60, line) for line in own]
        before += own[-1]["seconds"] / 60
        borders.append(before)
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 6.4), sharex=True, layout="constrained")
    for name, colour in zip(LOSSES, COLOURS, strict=False):
        points = [(at, line[name]) for at, line in lines if name in line]
        if points:
            top.plot(*zip(*points, strict=True), label=name.replace("_", ", "), color=colour, lw=1.2)
    seen = [(at, line) for at, line in lines if "same" in line]
    conditions = [key for key in ("same", "bag", "faults", "view", "clothes", "all") if seen]
    for name, colour in zip(conditions, COLOURS, strict=False):
        bottom.plot([at for at, _ in seen], [line[name] for _, line in seen], "o-", label=name, color=colour)
    for axis in (top, bottom):
        for border in borders[:-1]:
            axis.axvline(border, color="#bbbbbb", lw=0.8, ls=":")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, ncols=3, fontsize=8)
    top.set(ylabel="loss, weighted", title="dotted: the next run begins with the weights of the one before")
    people = int(seen[-1][1]["identities"]) if seen else 0
    bottom.set(xlabel="minutes of training", ylabel=f"rank-1, {people} held-out people", ylim=(0, 1.02))
    figure.savefig(chosen.out, dpi=110)
    print(chosen.out)


if __name__ == "__main__":
    main()
