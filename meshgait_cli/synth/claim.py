"""Whose a folder is: a dataset is made in an empty folder, or taken up in its own, by one process at a
time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import MeshgaitError, UsageError
from ..words import from_json
from .tree import PARTS, write_aside

__all__ = ["KIND", "MANIFEST", "claimed", "make_room", "write_manifest"]

MANIFEST, SETTINGS = "manifest.json", "settings.json"
KIND = "meshgait synthetic walkers"
_SPARE = 1.05  # of the estimated size must be free
ACKNOWLEDGEMENT = (
    "The gait model is a statistic of motion capture from mocap.cs.cmu.edu; the database was created with "
    "funding from NSF EIA-0196217."
)


@contextmanager
def claimed(folder: Path, record: dict[str, Any]) -> Iterator[None]:
    """`with claimed(folder, record):` the folder is ours, made with the `settings` and `motions` of `record`.

    Raises UsageError for a folder that holds something else, MeshgaitError while another process works on it.
    Where an error comes before anything is finished in a new folder, nothing stays behind.
    """
    from filelock import FileLock, Timeout

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another --out")
    new = not folder.is_dir() or not any(folder.iterdir())
    if not new:
        _check(folder, record)
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    lock = FileLock(parts / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise MeshgaitError(f"another meshgait is working on {folder}: wait for it to finish") from None
    try:
        write_aside(parts / SETTINGS, json.dumps(record, indent=1).encode())
        yield
    except BaseException:
        lock.release()
        if new and not any(parts.glob("[0-9]*.json")) and not any(parts.glob("done.*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    lock.release()
    shutil.rmtree(parts, ignore_errors=True)


def _check(folder: Path, record: dict[str, Any]) -> None:
    known = None
    for path in (folder / MANIFEST, folder / PARTS / SETTINGS):
        try:
            known = from_json(path.read_text(encoding="utf-8"))
            break
        except (OSError, ValueError):
            continue
    if (
        not isinstance(known, dict)
        or known.get("kind") not in (KIND, "training")
        or not isinstance(known.get("settings"), dict)
    ):
        raise UsageError(f"{folder} is not empty and holds no synthetic walkers: choose another --out")
    before, wanted = known["settings"], record["settings"]
    changed = [name for name in wanted if before.get(name) != wanted[name]]
    if changed or known.get("motions") != record["motions"]:
        said = f"{changed[0]} {before.get(changed[0])}, not {wanted[changed[0]]}" if changed else "--motions"
        raise UsageError(
            f"{folder} was made with other settings ({said}): give the same ones, or choose another --out"
        )


def make_room(
    folder: Path, size: int, count: int, announce: Callable[[str], None] | None, what: str = "identities"
) -> None:
    """Say how much is about to be written; MeshgaitError when the disk has not that much. count: of `what`
    there are to draw."""
    free = shutil.disk_usage(folder).free
    if count and announce is not None:
        announce(f"{count} {what} to draw, about {_human(size)} on disk; {_human(free)} are free")
    if size * _SPARE > free:
        raise MeshgaitError(
            f"{folder} needs about {_human(size)}, and only {_human(free)} are free: make room, or ask for "
            f"fewer --{what} or --frames"
        )


def write_manifest(folder: Path, record: dict[str, Any]) -> None:
    """The last file of a dataset."""
    whole = {
        "schema_version": 1,
        "meshgait_version": __version__,
        **record,
        "acknowledgement": ACKNOWLEDGEMENT,
    }
    write_aside(folder / MANIFEST, (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode())


def _human(size: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("bytes", "KB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
