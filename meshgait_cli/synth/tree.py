"""One synthetic identity on disk, as OpenGait's tree has it, with its truth and its labels."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..datasets.opengait import write_tree
from ..records import SilhouetteSequence
from ..words import from_json
from .feet import Walk
from .labels import label_of
from .plan import SynthSettings, folder_of, identity_of, render, takes_of
from .takes.library import Library
from .truth import TRUTH, packed, truth_of

__all__ = ["PARTS", "make_person", "person_bytes", "read_part", "verify_person", "write_aside"]

PARTS = ".parts"  # of an unfinished dataset: its settings, and a file for each finished identity
_FRAME_BYTES = 64 * 64 + 24 * 3 * 2 + 64 * 3 * 2 + 24 * 3 * 4 + (1 + 1 + 3 + 3) * 4
_SEQUENCE_BYTES = 2600  # headers, and the labels while they are JSON


def person_bytes(settings: SynthSettings) -> int:
    """About what one identity takes on disk."""
    return len(takes_of(settings)) * (settings.frames * _FRAME_BYTES + _SEQUENCE_BYTES)


def make_person(
    number: int, folder: Path, settings: SynthSettings, library: Library | None
) -> list[dict[str, Any]]:
    """Write identity `number`: silhouettes, truth, and last its part, which says that it is finished.

    What an interrupted process left of it is removed first. Returns the labels.
    """
    name = folder_of(number)
    shutil.rmtree(folder / name, ignore_errors=True)
    identity = identity_of(settings, number, library)
    rows, truths = [], {}
    walks: dict[int, Walk | None] = {}
    for take in takes_of(settings):
        sequence = render(settings, identity, take, walks.get(take.walk))
        walks[take.walk] = sequence.walk
        file = write_tree(
            folder, name, take.type, take.view, SilhouetteSequence.from_arrays(sequence.silhouettes)
        )
        truths[f"{take.type}/{take.view}"] = truth_of(identity, sequence)
        rows.append({**label_of(settings, identity, take, sequence), "sha256": _sha256(file)})
    truth = packed(truths)
    write_aside(folder / TRUTH / f"{name}.safetensors", truth)
    for row in rows:
        row["truth_sha256"] = hashlib.sha256(truth).hexdigest()
    write_aside(folder / PARTS / f"{name}.json", json.dumps(rows).encode())
    return rows


def verify_person(rows: list[dict[str, Any]], folder: Path, settings: SynthSettings) -> bool:
    """Whether an identity's files are all there and as they were written."""
    wanted = {(take.type, take.view) for take in takes_of(settings)}
    if {(row["type"], row["view"]) for row in rows} != wanted:
        return False
    name = rows[0]["identity"]
    truth = folder / TRUTH / f"{name}.safetensors"
    if not truth.is_file() or {row["truth_sha256"] for row in rows} != {_sha256(truth)}:
        return False
    for row in rows:
        file = folder / name / row["type"] / row["view"] / f"{row['view']}.pkl"
        if not file.is_file() or _sha256(file) != row["sha256"]:
            return False
    return True


def read_part(path: Path) -> list[dict[str, Any]]:
    """The labels in a part; none where it is damaged."""
    try:
        rows = from_json(path.read_text(encoding="utf-8"))
        return rows if all(folder_of(row["number"]) == path.stem for row in rows) else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def write_aside(path: Path, content: bytes) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
