"""Are people still told apart when their outlines are spoiled alike in every frame?

    python benchmarks/spoiled.py [--model NAME_OR_FILE ...] [--benchmark DIR]

What a segmentation does to a walk it often does to all of it: a piece missing, a shadow that joins the feet,
a head that melts into the shoulders, coarse blocks, a fat outline. The held-out benchmark's gallery as it is,
and its probes in like clothes and from a like view, spoiled in each of these ways. Rank-1 with 95 % intervals
over people, and what each further network has over the first. Writes benchmarks/results/spoiled.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from shares import found, said, share

from meshgait_cli.network.checkpoint import load
from meshgait_cli.synth.corpus import PROBES, Corpus, is_finished, make_benchmark
from meshgait_cli.training.heldout import embed_all
from meshgait_cli.training.sources import BENCHMARK_SEED, benchmark_folder

SEED = 7
Walk = NDArray[np.uint8]
Spoil = Callable[[Walk, np.random.Generator], Walk]


def missing(walk: Walk, rng: np.random.Generator) -> Walk:
    """A piece of 5 to 11 pixels a side, somewhere on the body."""
    walk = walk.copy()
    y, x = int(rng.integers(8, 50)), int(rng.integers(8, 30))
    tall, wide = rng.integers(5, 12, 2).tolist()
    walk[:, y : y + tall, x : x + wide] = 0
    return walk


def shadow(walk: Walk, rng: np.random.Generator) -> Walk:
    """A bar of 2 to 4 rows across the feet."""
    walk = walk.copy()
    walk[:, 64 - int(rng.integers(2, 5)) :, int(rng.integers(4, 18)) : int(rng.integers(26, 42))] = 255
    return walk


def melted(walk: Walk, rng: np.random.Generator) -> Walk:
    """Notches filled and corners gone: blurred and cut again, not quite at the half."""
    blur, cut = float(rng.uniform(1.2, 2.4)), float(rng.uniform(90, 150))
    return np.stack([np.where(cv2.GaussianBlur(each, (0, 0), blur) > cut, 255, 0) for each in walk]).astype(
        np.uint8
    )


def blocks(walk: Walk, rng: np.random.Generator) -> Walk:
    """Somebody 14 to 25 pixels tall."""
    tall = int(rng.integers(14, 26))
    small = (max(8, tall * 44 // 64), tall)
    coarse = [cv2.resize(each, small, interpolation=cv2.INTER_AREA) > 110 for each in walk]
    return np.stack(
        [
            cv2.resize(each.astype(np.uint8) * 255, (44, 64), interpolation=cv2.INTER_NEAREST)
            for each in coarse
        ]
    )


def fat(walk: Walk, rng: np.random.Generator) -> Walk:
    """One or two pixels all round."""
    square, times = np.ones((3, 3), np.uint8), int(rng.integers(1, 3))
    return np.stack([cv2.dilate(each, square, iterations=times) for each in walk])


WAYS: dict[str, Spoil] = {
    "as they are": lambda walk, _: walk,
    "missing": missing,
    "shadow": shadow,
    "melted": melted,
    "blocks": blocks,
    "fat": fat,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", default=[None])
    parser.add_argument("--benchmark", type=Path, default=benchmark_folder())
    chosen = parser.parse_args()
    if not is_finished(chosen.benchmark):
        make_benchmark(chosen.benchmark, seed=BENCHMARK_SEED)
    corpus = Corpus.open(chosen.benchmark)
    gallery, same = (
        corpus.silhouettes[corpus.labels["probe"] == PROBES.index(name)] for name in ("gallery", "same")
    )
    report: dict[str, Any] = {}
    first: dict[str, NDArray[np.float64]] = {}
    for name in chosen.model:
        loaded = load(name)
        report[loaded.id] = {}
        known = embed_all(loaded.network, gallery)
        for way, spoil in WAYS.items():
            spoiled = [spoil(walk, np.random.default_rng([SEED, row])) for row, walk in enumerate(same)]
            right = found(known, embed_all(loaded.network, np.stack(spoiled)))
            row = {"rank_1": share(right, SEED)}
            if way in first:
                row["more"] = share(right - first[way], SEED)
            first.setdefault(way, right)
            report[loaded.id][way] = row
            print(loaded.id, way, *(f"{key} {said(value)}" for key, value in row.items()), flush=True)
    target = Path(__file__).parent / "results" / "spoiled.json"
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
