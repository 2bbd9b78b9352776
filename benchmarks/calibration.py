"""Does the shipped calibration hold? Synthetic people whom it was not fitted on, against drawn galleries.

    python benchmarks/calibration.py [--people 240] [--device cuda]

Galleries of 5 to 40 people, one to three sequences of each, asked about everybody in them and as many
strangers (`gallery.shipped_calibration.trials`). Of the best candidate's probability: how often it is right
(reliability, expected calibration error). Of thresholds: strangers accepted (FAR) beside what was asked for,
and known people accepted as themselves (DIR at rank 1), with 95 % intervals over people. Writes
benchmarks/results/calibration.json and docs/calibration.png (matplotlib).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshgait_cli.evaluation.bootstrap import mean_interval
from meshgait_cli.gallery.calibration import Calibration, filler, shipped
from meshgait_cli.gallery.shipped_calibration import calibration_error, embedded, trials
from meshgait_cli.network.embed import Embedder
from meshgait_cli.synth.corpus import HELD_OUT

FIRST = HELD_OUT + 40_000  # others than those it was fitted on
FARS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
BINS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=240)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    embedder = Embedder(None, chosen.device)
    calibration = shipped(embedder.model_id)
    assert calibration is not None
    people = embedded(embedder, chosen.people, 1, FIRST)
    filling = filler(embedder.model_id, people.sequences[0].embedding.values.shape)
    found = judged(calibration, list(trials(people.sequences, filling, 5)))
    found = {"model": embedder.model_id, "people": chosen.people, **found}
    folder = Path(__file__).parent
    (folder / "results" / "calibration.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"expected calibration error {found['ece']:.3f}")
    for row in found["thresholds"]:
        print("asked {asked:g}: strangers {far[0]:.4f} ({far[1]:.4f}-{far[2]:.4f}), known {dir[0]:.3f} "
              "({dir[1]:.3f}-{dir[2]:.3f})".format(**row))  # fmt: skip
    drawn(found, folder.parent / "docs" / "calibration.png")


def judged(calibration: Calibration, done: list[Any]) -> dict[str, Any]:
    """done: trials. See the head of the file."""
    said, right, stranger, who, best_own = [], [], [], [], []
    over: dict[float, list[bool]] = {far: [] for far in FARS}
    for trial in done:
        size = trial.scores.shape[1]
        for row, own, person in zip(trial.scores, trial.own.tolist(), trial.who.tolist(), strict=True):
            chances, _ = calibration.probabilities(row, size)
            best = int(chances.argmax())
            said.append(float(chances[best]))
            right.append(best == own)
            stranger.append(own < 0)
            best_own.append(own in (-1, best))
            who.append(person)
            for far in FARS:
                over[far].append(bool(row[best] >= calibration.threshold(far, size)))
    chances, correct, unknown, names = map(np.array, (said, right, stranger, who))
    rows = []
    for far in FARS:
        accepted = (np.array(over[far]) & np.array(best_own)).astype(float)
        rows.append(
            {
                "asked": far,
                "far": interval(accepted[unknown], names[unknown]),
                "dir": interval(accepted[~unknown], names[~unknown]),
            }
        )
    which = np.minimum((chances * BINS).astype(int), BINS - 1)
    bins = [
        {
            "said": float(chances[own].mean()),
            "right": interval(correct[own].astype(float), names[own]),
            "cases": int(own.sum()),
        }
        for own in (which == number for number in range(BINS))
        if own.any()
    ]
    return {
        "cases": len(chances),
        "ece": round(calibration_error(chances, correct, BINS), 4),
        "rank_1_of_known": interval(correct[~unknown].astype(float), names[~unknown]),
        "reliability": bins,
        "thresholds": rows,
    }


def interval(values: NDArray[np.float64], who: NDArray[np.int64]) -> list[float]:
    low, high = mean_interval(values, who, 1000, 0)
    return [round(float(each), 4) for each in (values.mean(), low, high)]


def drawn(found: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    said = [each["said"] for each in found["reliability"]]
    spread(left, said, [each["right"] for each in found["reliability"]], "#2f5fb3")
    left.plot([0, 1], [0, 1], color="#bbbbbb", lw=0.8)
    left.set(xlabel="probability that was said", ylabel="how often it was right", xlim=(0, 1), ylim=(0, 1))
    left.set_title(f"best candidate, {found['cases']} questions, ECE {found['ece']:.3f}", fontsize=9)
    asked = [row["asked"] for row in found["thresholds"]]
    spread(middle, asked, [row["far"] for row in found["thresholds"]], "#c05a1e")
    middle.plot(asked, asked, color="#bbbbbb", lw=0.8)
    middle.set(xlabel="--far", ylabel="strangers accepted", xscale="log", yscale="log")
    rows = found["thresholds"]
    spread(right, [row["far"][0] for row in rows], [row["dir"] for row in rows], "#3c8c5a")
    right.set(xlabel="strangers accepted", ylabel="known people accepted as such", xscale="log", ylim=(0, 1))
    right.set_title("galleries of 5 to 40 synthetic people", fontsize=9)
    for axis in (left, middle, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)


def spread(axis: Any, at: list[float], values: list[list[float]], colour: str) -> None:
    middle, low, high = np.array(values).T
    axis.errorbar(at, middle, [middle - low, high - middle], fmt="o-", color=colour, ms=4, lw=1, capsize=2)


if __name__ == "__main__":
    main()
