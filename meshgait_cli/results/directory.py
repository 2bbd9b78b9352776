"""Result directories: built aside, moved into place whole, read back as records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DAMAGED_ARRAYS, ResultError
from ..records import GaitEmbedding, SilhouetteSequence
from .manifest import MANIFEST, Manifest, TrackEntry

if TYPE_CHECKING:
    from .embeddings import EmbeddingSet

__all__ = ["EMBEDDINGS", "TRACKS", "Result", "building", "find_newest", "is_result", "write_manifest"]

EMBEDDINGS = "embeddings.safetensors"
TRACKS = "tracks.parquet"


def is_result(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def find_newest(folder: Path) -> Path | None:
    """The newest result at or below `folder` (two levels), hidden folders left out."""
    found = [
        path
        for pattern in (MANIFEST, f"*/{MANIFEST}", f"*/*/{MANIFEST}")
        for path in folder.glob(pattern)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else None


class Result:
    """A finished result directory.

    Raises ResultError when it is not one, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.read(self.folder)

    def __repr__(self) -> str:
        return f"Result({str(self.folder)!r}, tracks={len(self.manifest.tracks)})"

    @property
    def tracks(self) -> list[TrackEntry]:
        return self.manifest.tracks

    def track(self, track_id: int) -> TrackEntry:
        for track in self.tracks:
            if track.id == track_id:
                return track
        raise ResultError(f"{self.folder} has no track {track_id}: it has {[t.id for t in self.tracks]}")

    def silhouettes(self, track: TrackEntry, *, good_only: bool = False) -> SilhouetteSequence:
        """The track's silhouettes; `good_only` keeps those that the embedding was made of."""
        path = self._inside(track.silhouette_file)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                keep = arrays["good"] if good_only else np.ones(len(arrays["frames"]), dtype=bool)
                return SilhouetteSequence(
                    silhouettes=arrays["silhouettes"][keep],
                    frames=arrays["frames"][keep],
                    times=arrays["times"][keep],
                    transform=arrays["transform"][keep],
                    name=f"{self.manifest.video.name}/{track.id}",
                )
        except DAMAGED_ARRAYS as error:
            raise ResultError(f"cannot read {path}: {error}; run `meshgait extract` again") from error

    def embeddings(self) -> dict[int, GaitEmbedding]:
        """Track id → embedding, for the tracks that are usable."""
        from .embeddings import EmbeddingSet

        path = self.folder / EMBEDDINGS
        found: EmbeddingSet = EmbeddingSet.read(path)
        try:
            return {int(item.id): item.embedding for item in found.items}
        except ValueError as error:
            raise ResultError(f"{path} does not name tracks: run `meshgait extract` again") from error

    def _inside(self, name: str) -> Path:
        """A manifest is a file that anybody may have edited: it names nothing outside its folder."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ResultError(f"{self.folder / MANIFEST} names a file outside the result: {name!r}")
        return path


@contextmanager
def building(final: Path) -> Iterator[Path]:
    """A folder to build a result in; it becomes `final` when the block ends well, else it vanishes.

    Two processes never build the same result: the second gets a ResultError. What an interrupted
    process left behind is cleared first. An older result is replaced whole; anything else that
    stands there is left alone, with a ResultError.
    """
    from filelock import FileLock, Timeout

    if final.exists() and not is_result(final) and any(final.iterdir() if final.is_dir() else [final]):
        raise ResultError(f"{final} exists and is not a meshgait result: move it, or choose another --out")
    final.parent.mkdir(parents=True, exist_ok=True)
    lock_path = final.with_name(f".{final.name}.lock")
    try:
        lock = FileLock(lock_path, timeout=0)
        lock.acquire()
    except Timeout:
        raise ResultError(f"another meshgait is working on {final}: wait for it to finish") from None
    partial = final.with_name(f".{final.name}.partial")
    old = final.with_name(f".{final.name}.old")
    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        yield partial
        if final.exists():
            final.rename(old)
        partial.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not final.exists():
            old.rename(final)
        lock_path.unlink(missing_ok=True)
        lock.release()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
