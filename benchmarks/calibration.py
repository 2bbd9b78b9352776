"""Does the shipped calibration hold? Synthetic people whom it was not fitted on, against drawn galleries.

    python benchmarks/calibration.py [--people 240] [--device cuda]

Galleries of 5 to 40 people, one to three sequences of each, asked about everybody in them and as many
strangers (`gallery.shipped_calibration.trials`). Of the best candidate's probability: how often it is right
(reliability, expected calibration error). Of thresholds: strangers accepted (FAR) beside what was asked for,
and known people accepted as themselves (DIR at rank 1), with 95 % intervals over people. Writes
benchmarks/results/calibration.json and docs/calibration.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from meshgait_cli.gallery.calibration import filler, shipped
from meshgait_cli.gallery.diagram import draw
from meshgait_cli.gallery.shipped_calibration import embedded, trials
from meshgait_cli.gallery.tally import Tally
from meshgait_cli.network.embed import Embedder
from meshgait_cli.synth.corpus import HELD_OUT

FIRST = HELD_OUT + 40_000  # others than those it was fitted on
FARS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


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
    tally = Tally(FARS)
    for trial in trials(people.sequences, filling, 5):
        for row, own, who in zip(trial.scores, trial.own.tolist(), trial.who.tolist(), strict=True):
            tally.ask(calibration, row, own, who)
    found = {"model": embedder.model_id, "people": chosen.people, **tally.figures()}
    folder = Path(__file__).parent
    (folder / "results" / "calibration.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"expected calibration error {found['ece']:.3f}")
    for row in found["thresholds"]:
        print("asked {asked:g}: strangers {far[0]:.4f} ({far[1]:.4f}-{far[2]:.4f}), known {dir[0]:.3f} "
              "({dir[1]:.3f}-{dir[2]:.3f})".format(**row))  # fmt: skip
    draw(found, folder.parent / "docs" / "calibration.png", "galleries of 5 to 40 synthetic people")


if __name__ == "__main__":
    main()
