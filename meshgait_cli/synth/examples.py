"""The synthetic people in examples/: python -m meshgait_cli.synth.examples --out examples/walkers

Twenty people whom no shipped network was trained on, each one walk of sixty frames as T×64×64 silhouettes,
six in ten seen from near the side, walking left or right, the others at an angle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..ending import plainly
from .camera import Camera
from .corpus import HELD_OUT
from .walkers import SyntheticSequence, make_identity, render_sequence
from .wardrobe import OUTFITS

__all__ = ["FIRST", "PEOPLE", "example", "write_examples"]

SEED = 1
FIRST = HELD_OUT + 10_000  # nor are they in the benchmark
PEOPLE = 20
FRAMES = 60


def example(number: int) -> SyntheticSequence:
    """Person `number` (0-19)."""
    rng = np.random.default_rng([SEED, FIRST + number, 3])
    side = (270, 90, 270, 60, 300)[number % 5]
    camera = Camera(
        azimuth=(side + float(rng.uniform(-15, 15))) % 360,
        elevation=float(rng.uniform(-1, 12)),
        roll=float(rng.normal(0, 0.8)),
        distance=float(rng.uniform(5, 14)),
        drift=float(rng.normal(0, 4)),
        pixels=float(rng.uniform(70, 140)),
    )
    return render_sequence(
        make_identity(SEED, FIRST + number),
        rng,
        FRAMES,
        camera=camera,
        severity="mild" if number % 4 == 2 else "clean",
        outfit=number % OUTFITS,
        carrying=number % 7 == 3,
        fps=25.0,
    )


def write_examples(folder: Path) -> None:
    """One `synthetic-NN.npz` a person, array `silhouettes`, 60×64×64 uint8."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(PEOPLE):
        silhouettes = example(number).silhouettes
        np.savez_compressed(folder / f"synthetic-{number + 1:02d}.npz", silhouettes=silhouettes)


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(description="Write the example walkers.")
    parser.add_argument("--out", type=Path, required=True)
    write_examples(parser.parse_args().out)


if __name__ == "__main__":
    main()
