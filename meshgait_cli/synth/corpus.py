"""A synthetic training corpus on disk: plain arrays that can be mapped into memory.

    python -m meshgait_cli.synth.corpus --out DIR --identities 2400

DIR then holds `silhouettes.npy` (S×T×64×44 uint8), `points.npy` (S×T×88×3 float16: 24 joints, 64 markers, in
silhouette units), `labels.npy` (S records, `LABELS`) and `manifest.json`, which is written last: a folder
without it is unfinished.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ending import plainly
from ..errors import SourceNotFound
from ..records import HEIGHT, SIDE_CUT, WIDTH
from .camera import Camera, sample_camera
from .faults import SEVERITIES
from .pool import each
from .walkers import Identity, SyntheticSequence, make_identity, render_sequence
from .wardrobe import CHANGED, COAT, OUTFITS

__all__ = [
    "HELD_OUT",
    "LABELS",
    "POPULATION",
    "PROBES",
    "Corpus",
    "is_finished",
    "label_of",
    "make_benchmark",
    "make_corpus",
]

Progress = Callable[[int, int], None]
POPULATION = 3  # goes up when the people or their walks are drawn otherwise
HELD_OUT = 1_000_000  # identities numbered from here on are never trained on
PROBES = ("gallery", "same", "view", "clothes", "bag", "faults", "all", "coat")
LABELS = np.dtype(
    [
        ("identity", "i4"),
        ("probe", "i1"),  # index in PROBES; −1 in a training corpus
        ("outfit", "i1"),
        ("carrying", "?"),
        ("severity", "i1"),  # index in SEVERITIES
        ("azimuth", "f4"),
        ("elevation", "f4"),
        ("fps", "f4"),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """silhouettes S×T×64×44 uint8 and points S×T×88×3 float16 (both mapped, not read), labels S records."""

    silhouettes: NDArray[np.uint8]
    points: NDArray[np.float16]
    labels: NDArray[Any]
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        """Raises SourceNotFound where there is no finished corpus."""
        if not is_finished(folder):
            raise SourceNotFound(
                f"{folder} holds no finished corpus: make one with meshgait_cli.synth.corpus"
            )
        return cls(
            np.load(folder / "silhouettes.npy", mmap_mode="r"),
            np.load(folder / "points.npy", mmap_mode="r"),
            np.load(folder / "labels.npy"),
            json.loads((folder / "manifest.json").read_text()),
        )


def is_finished(folder: Path) -> bool:
    """Whether `folder` holds a corpus that was written to its end."""
    return (folder / "manifest.json").is_file()


def label_of(identity: int, probe: int, sequence: SyntheticSequence) -> tuple[object, ...]:
    """One record of `LABELS`."""
    return (
        identity,
        probe,
        sequence.outfit,
        sequence.carrying,
        SEVERITIES.index(sequence.severity),
        sequence.camera.azimuth,
        sequence.camera.elevation,
        sequence.fps,
    )


class _Writer:
    def __init__(self, folder: Path, sequences: int, frames: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        make = np.lib.format.open_memmap
        self.folder = folder
        self.silhouettes = make(
            folder / "silhouettes.npy", "w+", np.uint8, (sequences, frames, HEIGHT, WIDTH)
        )
        self.points = make(folder / "points.npy", "w+", np.float16, (sequences, frames, 88, 3))
        self.labels = np.zeros(sequences, LABELS)

    def put(self, person: Person) -> None:
        count = len(person.labels)
        rows = slice(person.place * count, (person.place + 1) * count)
        self.silhouettes[rows], self.points[rows] = person.silhouettes, person.points
        self.labels[rows] = person.labels

    def finish(self, manifest: dict[str, Any]) -> None:
        self.silhouettes.flush()
        self.points.flush()
        np.save(self.folder / "labels.npy", self.labels)
        (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """All sequences of the person who comes at number `place`: as in `Corpus`."""

    place: int
    silhouettes: NDArray[np.uint8]
    points: NDArray[np.float16]
    labels: NDArray[Any]

    @classmethod
    def of(cls, place: int, number: int, sequences: list[tuple[int, SyntheticSequence]]) -> Person:
        """sequences: with the probe that each is."""
        drawn = [sequence for _, sequence in sequences]
        return cls(
            place,
            np.stack([each.silhouettes[:, :, SIDE_CUT:-SIDE_CUT] for each in drawn]),
            np.stack([np.concatenate([each.joints, each.markers], 1) for each in drawn]).astype(np.float16),
            np.array([label_of(number, probe, each) for probe, each in sequences], LABELS),
        )


def make_corpus(
    folder: Path,
    identities: int,
    *,
    seed: int = 1,
    sequences: int = 8,
    frames: int = 20,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a training corpus: everything about each sequence is drawn. The number of workers (processes)
    does not change it. progress: called with identities done, and how many there are."""
    work = partial(_trainee, seed, sequences, frames)
    _write(folder, each(work, range(identities), workers), progress, {
        "kind": "training", "seed": seed, "identities": identities, "sequences": sequences, "frames": frames,
    })  # fmt: skip


def make_benchmark(
    folder: Path,
    identities: int = 200,
    *,
    seed: int = 1,
    frames: int = 30,
    who: Callable[[int, int], Identity] = make_identity,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write the held-out benchmark: a gallery sequence and seven probes of each of people never trained on.

    gallery: usual clothes, some view near the side, mild faults. same: as the gallery, another walk and
    other faults. view: any view. clothes: entirely other ones. bag: carrying. faults: heavy ones. all:
    everything is drawn, in entirely other clothes. coat: one over the usual clothes. who: gives person
    `number` of `seed`, for studies of other people.
    """
    work = partial(_witness, seed, frames, who)
    _write(folder, each(work, range(identities), workers), progress, {
        "kind": "benchmark", "seed": seed, "identities": identities, "sequences": len(PROBES),
        "frames": frames,
    })  # fmt: skip


def _write(
    folder: Path, people: Iterator[Person], progress: Progress | None, manifest: dict[str, Any]
) -> None:
    start, total = time.monotonic(), manifest["identities"]
    writer = _Writer(folder, total * manifest["sequences"], manifest["frames"])
    for done, person in enumerate(people, start=1):
        writer.put(person)
        if progress is not None:
            progress(done, total)
    writer.finish({**manifest, "population": POPULATION, "seconds": round(time.monotonic() - start)})


def _trainee(seed: int, sequences: int, frames: int, number: int) -> Person:
    identity = make_identity(seed, number)
    streams = (np.random.default_rng([seed, number, 1, k]) for k in range(sequences))
    return Person.of(number, number, [(-1, render_sequence(identity, rng, frames)) for rng in streams])


def _witness(seed: int, frames: int, who: Callable[[int, int], Identity], place: int) -> Person:
    number = HELD_OUT + place
    identity = who(seed, number)
    rng = np.random.default_rng([seed, number, 2])
    home = _near_side(rng)
    return Person.of(
        place, number, [(k, _probe(name, identity, rng, home, frames)) for k, name in enumerate(PROBES)]
    )


def _near_side(rng: np.random.Generator, azimuth: float | None = None) -> Camera:
    drawn = sample_camera(rng)
    if azimuth is None:
        azimuth = float(rng.choice([90, 270]) + rng.uniform(-35, 35))
    return Camera(azimuth, float(rng.uniform(-2, 12)), drawn.roll, max(drawn.distance, 4), 0.0, drawn.pixels)


def _probe(
    name: str, identity: Identity, rng: np.random.Generator, home: Camera, frames: int
) -> SyntheticSequence:
    camera: Camera | None = home if name == "gallery" else _near_side(rng, home.azimuth + rng.uniform(-8, 8))
    outfit: int | None = 0
    carrying: bool | None = name == "bag"
    severity: str | None = "heavy" if name == "faults" else "mild"
    if name in ("view", "all"):
        camera = None
    if name in ("clothes", "all"):
        outfit = int(rng.integers(CHANGED, OUTFITS))
    if name == "all":
        carrying = severity = None
    if name == "coat":
        outfit = COAT
    return render_sequence(
        identity, rng, frames, camera=camera, severity=severity, outfit=outfit, carrying=carrying,
        fps=float(rng.uniform(12, 30)),
    )  # fmt: skip


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make a synthetic training corpus or the held-out benchmark."
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--identities", type=int, default=2400)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--benchmark", action="store_true", help="the held-out benchmark instead")
    parser.add_argument("--workers", type=int, default=0, help="0: one a core")
    chosen = parser.parse_args()
    workers = chosen.workers or os.cpu_count() or 1
    if chosen.benchmark:
        make_benchmark(chosen.out, chosen.identities, seed=chosen.seed, workers=workers, progress=_tell)
    else:
        make_corpus(
            chosen.out, chosen.identities, seed=chosen.seed, sequences=chosen.sequences, frames=chosen.frames,
            workers=workers, progress=_tell,
        )  # fmt: skip


def _tell(done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        print(f"{done}/{total} identities", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
