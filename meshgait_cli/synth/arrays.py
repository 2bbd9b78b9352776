"""The training corpus of `corpus.make_corpus`, byte for byte, made by several processes and resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..records import HEIGHT, SIDE_CUT, WIDTH
from ..words import from_json
from .claim import MANIFEST, claimed, make_room, write_manifest
from .corpus import LABELS, label_of
from .dataset import STAGE, SynthResult, settings_record
from .plan import SynthSettings
from .pool import each
from .tree import PARTS
from .walkers import make_identity, render_sequence

if TYPE_CHECKING:
    from ..pipeline import Progress

__all__ = ["make_arrays"]

_DONE = "done.jsonl"
_Person = tuple[int, NDArray[np.uint8], NDArray[np.float16], NDArray[Any]]


def make_arrays(
    folder: Path,
    identities: int,
    settings: SynthSettings,
    workers: int = 1,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> SynthResult:
    """Write `silhouettes.npy`, `points.npy`, `labels.npy` and the manifest, as `dataset.make_dataset`
    says."""
    from ..pipeline import Step

    started = perf_counter()
    record = settings_record(settings)
    record["settings"] = {**record["settings"], "identities": identities}
    per = settings.sequences * settings.frames
    size = identities * per * (HEIGHT * WIDTH + 88 * 3 * 2)
    kept = identities
    with claimed(folder, record):
        missing: list[int] = []
        if not (folder / MANIFEST).is_file():
            if not (folder / "silhouettes.npy").is_file():
                make_room(folder, size, identities, None)  # before files of that length are made
            files = _Files(folder, identities, settings)
            missing = [number for number in range(identities) if number not in files.done]
            kept = identities - len(missing)
            make_room(folder, len(missing) * size // identities, len(missing), announce)
            for drawn, person in enumerate(each(partial(_person, settings=settings), missing, workers), 1):
                files.add(person)
                if progress is not None:
                    progress(Step(STAGE, drawn * per, len(missing) * per, kept + drawn))
            files.finish()
            about = {"kind": "training", "seed": settings.seed, "identities": identities}
            counts = {"sequences": settings.sequences, "frames": settings.frames}
            write_manifest(folder, {**record, **about, **counts, "seconds": round(perf_counter() - started)})
    return SynthResult(
        folder,
        settings.format,
        identities,
        len(missing),
        kept,
        identities * settings.sequences,
        identities * per,
        size,
        perf_counter() - started,
    )


def _person(number: int, settings: SynthSettings) -> _Person:
    identity = make_identity(settings.seed, number)
    drawn = [
        render_sequence(
            identity,
            np.random.default_rng([settings.seed, number, 1, k]),
            settings.frames,
            severity=settings.severity,
            planted=settings.plants,
        )
        for k in range(settings.sequences)
    ]
    points = [np.concatenate([s.joints, s.markers], axis=1).astype(np.float16) for s in drawn]
    return (
        number,
        np.stack([s.silhouettes[:, :, SIDE_CUT:-SIDE_CUT] for s in drawn]),
        np.stack(points),
        np.array([label_of(number, -1, s) for s in drawn], LABELS),
    )


class _Files:
    """The arrays on disk, filled a person at a time, and a line for each person who is in them.

    Written, not mapped: on a full disk a write fails, a mapped page kills.
    """

    def __init__(self, folder: Path, identities: int, settings: SynthSettings) -> None:
        self.folder, self.per = folder, settings.sequences
        self.labels = np.zeros(identities * self.per, LABELS)
        self.done: set[int] = set()
        count, frames = identities * self.per, settings.frames
        self.arrays: dict[str, tuple[np.dtype, tuple[int, ...]]] = {
            "silhouettes": (np.dtype(np.uint8), (count, frames, HEIGHT, WIDTH)),
            "points": (np.dtype(np.float16), (count, frames, 88, 3)),
        }
        self.starts = {name: self._open(name) for name in self.arrays}
        self._take_up()

    def add(self, person: _Person) -> None:
        number, silhouettes, points, labels = person
        blocks: dict[str, NDArray] = {"silhouettes": silhouettes, "points": points}
        for name, block in blocks.items():
            with self._file(name).open("r+b") as file:
                file.seek(self.starts[name] + number * block.nbytes)
                file.write(block.tobytes())
        line = {"identity": number, "sha256": _sha256(silhouettes, points), "labels": labels.tolist()}
        with (self.folder / PARTS / _DONE).open("a", encoding="utf-8") as file_of_lines:
            file_of_lines.write(json.dumps(line) + "\n")
        self._keep(number, labels.tolist())

    def finish(self) -> None:
        np.save(self.folder / "labels.npy", self.labels)

    def _keep(self, number: int, labels: list[Any]) -> None:
        rows = [tuple(row) for row in labels]
        self.labels[number * self.per : (number + 1) * self.per] = np.array(rows, LABELS)
        self.done.add(number)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _open(self, name: str) -> int:
        """Make the file where there is none, of its whole length; where its numbers begin."""
        dtype, shape = self.arrays[name]
        if not self._file(name).is_file():
            np.lib.format.open_memmap(self._file(name), "w+", dtype, shape)
        return int(np.load(self._file(name), mmap_mode="r").offset)

    def _take_up(self) -> None:
        """Who is finished, by the lines and by the bytes that they speak of."""
        path = self.folder / PARTS / _DONE
        lines = path.read_bytes().decode(errors="replace").splitlines(keepends=True) if path.is_file() else []
        whole = [line for line in lines if line.endswith("\n")]  # the last may have been cut off
        maps = [np.load(self._file(name), mmap_mode="r") for name in self.arrays] if whole else []
        good = []
        for line in whole:
            with suppress(ValueError, KeyError, TypeError):  # a damaged line says of nobody
                entry = from_json(line)
                rows = slice(entry["identity"] * self.per, (entry["identity"] + 1) * self.per)
                if _sha256(*(np.ascontiguousarray(array[rows]) for array in maps)) == entry["sha256"]:
                    self._keep(entry["identity"], entry["labels"])
                    good.append(line)
        if lines:
            path.write_text("".join(good), encoding="utf-8")


def _sha256(*blocks: NDArray) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block.tobytes())
    return digest.hexdigest()
