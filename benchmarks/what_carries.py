"""What is it that the network knows people by: their shape, their motion, or their clothes?

    python benchmarks/what_carries.py [--model NAME_OR_FILE] [--people 100] [--mocap FILE_OR_FOLDER]

The held-out benchmark (`meshgait_cli.synth.corpus`) again, of people who differ in one thing alone and share
all others with one of them. With --mocap (AMC, BVH or .npz takes) also of people who walk exactly in the mean
manner of a recorded walker, beside as many whose manner is generated. (The gait model was fitted to such
takes; the network has seen none.) Rank-1 with 95 % intervals over people; beside it, gait-energy images.
Prints a table and writes benchmarks/results/what_carries.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from heldout import judged

from meshgait_cli.network.checkpoint import load
from meshgait_cli.synth.corpus import HELD_OUT, Corpus, make_benchmark
from meshgait_cli.synth.takes.library import Library, read_library
from meshgait_cli.synth.walkers import Identity, make_identity
from meshgait_cli.training.heldout import embed_all, energy_images

SEED = 1
FIRST = HELD_OUT + 50_000  # in no training corpus, benchmark or example
Who = Callable[[int, int], Identity]


def alone(*kept: str) -> Who:
    """People who differ in the fields that are named, and else are person FIRST."""
    common = make_identity(SEED, FIRST)

    def who(seed: int, number: int) -> Identity:
        own = make_identity(seed, FIRST + number - HELD_OUT)
        return replace(common, number=number, **{field: getattr(own, field) for field in kept})

    return who


def recorded(library: Library) -> Who:
    """People of their own shape and clothes who walk as those of the takes do on average."""

    def who(seed: int, number: int) -> Identity:
        own = make_identity(seed, FIRST + number - HELD_OUT)
        row = (number - HELD_OUT) % len(library.extra)
        manner = replace(
            own.style, scores=own.style.scores * 0, gain=own.style.gain * 0 + 1, offset=own.style.offset * 0,
            extra=library.extra[row].astype(np.float64), speed=float(np.clip(library.speed[row], 0.5, 2.5)),
            cadence=float(np.clip(library.cadence[row], 0.5, 1.4)),
        )  # fmt: skip
        return replace(own, number=number, style=manner)

    return who


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--mocap", type=Path)
    arguments = parser.parse_args()
    network = load(arguments.model).network
    trials: dict[str, tuple[Who, int]] = {
        "all three": (alone("betas", "style", "wardrobe"), arguments.people),
        "shape alone": (alone("betas"), arguments.people),
        "motion alone": (alone("style"), arguments.people),
        "clothes alone": (alone("wardrobe"), arguments.people),
    }
    if arguments.mocap is not None:
        library = read_library(arguments.mocap)
        count = len(library.extra)
        trials[f"recorded manner ({count})"] = (recorded(library), count)
        trials[f"generated manner ({count})"] = (alone("betas", "style", "wardrobe"), count)
    report = {}
    for name, (who, people) in trials.items():
        with tempfile.TemporaryDirectory() as folder:
            make_benchmark(Path(folder), people, seed=SEED, who=who)
            corpus = Corpus.open(Path(folder))
            for kind, values in (
                ("network", embed_all(network, corpus.silhouettes)),
                ("energy image", energy_images(corpus.silhouettes)),
            ):
                found = {one.condition: one.values["rank-1"] for one in judged(values, corpus)}
                report[f"{name}: {kind}"] = {
                    condition: [rank.value, rank.low, rank.high] for condition, rank in found.items()
                }
                cells = [f"{c} {r.value:.2f} ({r.low:.2f}-{r.high:.2f})" for c, r in found.items()]
                print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)
    path = Path(__file__).parent / "results" / "what_carries.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"people": arguments.people, "rank_1": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
