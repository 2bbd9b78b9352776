"""A synthetic dataset on disk: made by several processes, taken up again where it was cut off.

`DIR/<id>/<type>/<view>/<view>.pkl` are the silhouettes as OpenGait reads them, `DIR/truth/<id>.safetensors`
the 3-D truth, `DIR/labels.parquet` a row for each sequence, `DIR/partition.json` who is for training and who
for testing. `DIR/manifest.json` comes last: a folder without it is unfinished. The same settings give the
same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..errors import MeshgaitError, UsageError
from .claim import KIND, MANIFEST, claimed, make_room, write_manifest
from .corpus import HELD_OUT
from .labels import read_labels, write_labels
from .plan import SynthSettings, folder_of, takes_of
from .pool import each
from .takes.library import Library
from .tree import PARTS, make_person, person_bytes, read_part, verify_person, write_aside

if TYPE_CHECKING:
    from ..pipeline import Progress

__all__ = ["PARTITION", "STAGE", "SynthResult", "make_dataset", "settings_record"]

PARTITION = "partition.json"
MOST_IN_A_TREE = 100_000  # identities: a folder's name has five digits
TEST_EVERY = 5  # every so manieth identity is for testing, whatever the number of identities
STAGE = "drawing walkers"


@dataclass(frozen=True, slots=True)
class SynthResult:
    """What was made. made, kept: identities drawn now, and found finished. bytes: on disk, about."""

    folder: Path
    format: str
    identities: int
    made: int
    kept: int
    sequences: int
    silhouettes: int
    bytes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Silhouettes a second, of those drawn now."""
        share = self.made / max(self.identities, 1)
        return self.silhouettes * share / self.seconds if self.made else 0.0


def make_dataset(
    folder: Path,
    identities: int,
    settings: SynthSettings | None = None,
    *,
    library: Library | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> SynthResult:
    """Make `identities` people, or those that are still missing in `folder`.

    library: recorded walks to sample manners around. workers: processes. announce: is told the size before
    anything is drawn. A finished dataset grows when more identities are asked for.

    Raises UsageError for a folder that is something else or was made with other settings, MeshgaitError when
    the disk has not the room.
    """
    settings = settings or SynthSettings()
    folder = Path(folder)
    most = HELD_OUT if settings.format == "arrays" else MOST_IN_A_TREE
    if not 1 <= identities <= most:
        raise UsageError(f"--identities goes from 1 to {most:,}, not {identities}")
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    if settings.format == "arrays":
        from .arrays import make_arrays

        if library is not None:
            raise UsageError("--motions goes with --format opengait: the arrays are the model's own walkers")
        return make_arrays(folder, identities, settings, workers, progress, announce)
    record = settings_record(settings, library)
    with claimed(folder, record):
        return _make(folder, identities, settings, library, workers, progress, announce, record)


def _make(
    folder: Path,
    identities: int,
    settings: SynthSettings,
    library: Library | None,
    workers: int,
    progress: Progress | None,
    announce: Callable[[str], None] | None,
    record: dict[str, Any],
) -> SynthResult:
    from ..pipeline import Step

    started = perf_counter()
    found = _finished(folder)
    rows = {number: labels for number, labels in found.items() if verify_person(labels, folder, settings)}
    identities = max(identities, max(rows, default=-1) + 1)
    for stray in folder.iterdir():  # what was begun by a run that asked for more
        if stray.is_dir() and stray.name.isdecimal() and int(stray.name) >= identities:
            shutil.rmtree(stray)
    missing = [number for number in range(identities) if number not in rows]
    make_room(folder, person_bytes(settings) * len(missing), len(missing), announce)
    takes = len(takes_of(settings))
    frames = takes * settings.frames
    kept = identities - len(missing)
    if missing or not (folder / MANIFEST).is_file():
        (folder / MANIFEST).unlink(missing_ok=True)
        work = partial(make_person, folder=folder, settings=settings, library=library)
        for person in each(work, missing, workers):
            rows[person[0]["number"]] = person
            if progress is not None:
                progress(Step(STAGE, (len(rows) - kept) * frames, len(missing) * frames, len(rows)))
        flat = [row for number in sorted(rows) for row in rows[number]]
        write_labels(folder, flat)
        write_aside(folder / PARTITION, json.dumps(_partition(identities), indent=1).encode())
        write_manifest(folder, {**record, "identities": identities, "sequences": len(flat),
                                "silhouettes": identities * frames})  # fmt: skip
    return SynthResult(
        folder,
        settings.format,
        identities,
        len(missing),
        kept,
        identities * takes,
        identities * frames,
        person_bytes(settings) * identities,
        perf_counter() - started,
    )


def _finished(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """The labels of each identity that is said to be finished: by a whole dataset's labels, or by parts."""
    found: dict[int, list[dict[str, Any]]] = {}
    if (folder / MANIFEST).is_file():
        try:
            for row in read_labels(folder):
                found.setdefault(row["number"], []).append(row)
        except MeshgaitError:
            found = {}
    for path in (folder / PARTS).glob("[0-9]*.json"):
        rows = read_part(path)
        if rows:
            found[rows[0]["number"]] = rows
    return found


def _partition(identities: int) -> dict[str, list[str]]:
    names = [folder_of(number) for number in range(identities)]
    test = names[TEST_EVERY - 1 :: TEST_EVERY]
    return {"TRAIN_SET": [name for name in names if name not in set(test)], "TEST_SET": test}


def settings_record(settings: SynthSettings, library: Library | None = None) -> dict[str, Any]:
    """What a folder must have been made with to be taken up again."""
    return {
        "kind": KIND,
        "settings": settings.record(),
        "motions": None if library is None else library.fingerprint,
    }
