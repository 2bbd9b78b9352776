"""A synthetic training corpus on disk: plain arrays that can be mapped into memory.

    python -m meshgait_cli.synth.corpus --out DIR --identities 2400

DIR then holds `silhouettes.npy` (S×T×64×44 uint8), `points.npy` (S×T×88×3 float16: 24 joints, 64 markers, in
silhouette units), `labels.npy` (S records, `LABELS`) and `manifest.json`, which is written last: a folder
without it is unfinished.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceNotFound
from ..records import HEIGHT, SIDE_CUT, WIDTH
from .camera import Camera, sample_camera
from .faults import SEVERITIES
from .walkers import OUTFITS, Identity, SyntheticSequence, make_identity, render_sequence

__all__ = [
    "HELD_OUT",
    "LABELS",
    "PROBES",
    "Corpus",
    "is_finished",
    "label_of",
    "make_benchmark",
    "make_corpus",
]

Progress = Callable[[int, int], None]
HELD_OUT = 1_000_000  # identities numbered from here on are never trained on
PROBES = ("gallery", "same", "view", "clothes", "bag", "faults", "all")
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
        self.folder, self.count = folder, 0
        self.silhouettes = make(
            folder / "silhouettes.npy", "w+", np.uint8, (sequences, frames, HEIGHT, WIDTH)
        )
        self.points = make(folder / "points.npy", "w+", np.float16, (sequences, frames, 88, 3))
        self.labels = np.zeros(sequences, LABELS)

    def add(self, identity: int, probe: int, sequence: SyntheticSequence) -> None:
        self.silhouettes[self.count] = sequence.silhouettes[:, :, SIDE_CUT:-SIDE_CUT]
        self.points[self.count] = np.concatenate([sequence.joints, sequence.markers], axis=1)
        self.labels[self.count] = label_of(identity, probe, sequence)
        self.count += 1

    def finish(self, manifest: dict[str, Any]) -> None:
        self.silhouettes.flush()
        self.points.flush()
        np.save(self.folder / "labels.npy", self.labels)
        (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def make_corpus(
    folder: Path,
    identities: int,
    *,
    seed: int = 1,
    sequences: int = 8,
    frames: int = 20,
    report: int = 100,
    progress: Progress | None = None,
) -> None:
    """Write a training corpus: everything about each sequence is drawn. report: identities a line, 0 for
    none. progress: called with identities done, and how many there are."""
    writer = _Writer(folder, identities * sequences, frames)
    start = time.monotonic()
    for number in range(identities):
        identity = make_identity(seed, number)
        for k in range(sequences):
            writer.add(
                number, -1, render_sequence(identity, np.random.default_rng([seed, number, 1, k]), frames)
            )
        if progress is not None:
            progress(number + 1, identities)
        if report and (number + 1) % report == 0:
            rate = (number + 1) * sequences * frames / (time.monotonic() - start)
            print(
                f"{number + 1}/{identities} identities, {rate:.0f} silhouettes/s", file=sys.stderr, flush=True
            )
    writer.finish({"kind": "training", "seed": seed, "identities": identities, "sequences": sequences,
                   "frames": frames, "seconds": round(time.monotonic() - start)})  # fmt: skip


def make_benchmark(
    folder: Path,
    identities: int = 200,
    *,
    seed: int = 1,
    frames: int = 30,
    who: Callable[[int, int], Identity] = make_identity,
    progress: Progress | None = None,
) -> None:
    """Write the held-out benchmark: one gallery sequence and six probes for each of people never trained on.

    gallery: first outfit, some view near the side, mild faults. same: as the gallery, another walk and
    other faults. view: any view. clothes: another outfit. bag: carrying. faults: heavy ones. all: everything
    is drawn, in another outfit. who: gives person `number` of `seed`, for studies of other people.
    """
    writer = _Writer(folder, identities * len(PROBES), frames)
    for number in range(HELD_OUT, HELD_OUT + identities):
        identity = who(seed, number)
        rng = np.random.default_rng([seed, number, 2])
        home = _near_side(rng)
        for probe, name in enumerate(PROBES):
            writer.add(number, probe, _probe(name, identity, rng, home, frames))
        if progress is not None:
            progress(number - HELD_OUT + 1, identities)
    writer.finish({"kind": "benchmark", "seed": seed, "identities": identities, "frames": frames})


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
        outfit = int(rng.integers(1, OUTFITS))
    if name == "all":
        carrying = severity = None
    return render_sequence(
        identity, rng, frames, camera=camera, severity=severity, outfit=outfit, carrying=carrying,
        fps=float(rng.uniform(12, 30)),
    )  # fmt: skip


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
    chosen = parser.parse_args()
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if chosen.benchmark:
        make_benchmark(chosen.out, chosen.identities, seed=chosen.seed)
    else:
        make_corpus(
            chosen.out, chosen.identities, seed=chosen.seed, sequences=chosen.sequences, frames=chosen.frames
        )


if __name__ == "__main__":
    main()
