"""The silhouettes behind a gallery's sequence, where they are still at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MeshgaitError
from ..gallery.folder import HIDDEN
from ..gallery.walkers import kind_of
from ..results.directory import Result

if TYPE_CHECKING:
    from ..gallery.identify import Identification
    from ..gallery.sequence import GallerySequence
    from ..records import Match, SilhouetteSequence

__all__ = ["sequence_of", "silhouettes_of"]


def sequence_of(found: Identification, match: Match) -> GallerySequence | None:
    """The sequence that gave a match its distance."""
    wanted = match.extra.get("sequence_id", "")
    for one in found.gallery.sequences:
        if one.identity == match.identity and one.name == match.sequence and one.id == wanted:
            return one
    return None


def silhouettes_of(
    found: Identification, sequence: GallerySequence, folder: Path | None
) -> SilhouetteSequence | None:
    """What the sequence's embedding was made of; None when it was not kept, or was moved or damaged since.

    folder: of a gallery that is a folder of videos.
    """
    try:
        if sequence.silhouettes is not None:
            return sequence.silhouettes
        if found.store is not None:
            return found.store.silhouettes(sequence.id)
        return None if folder is None else _from_folder(folder, sequence)
    except (MeshgaitError, OSError, ValueError):
        return None  # a page with one picture less is better than none


def _from_folder(folder: Path, sequence: GallerySequence) -> SilhouetteSequence | None:
    path, label = _place(folder, sequence.name)
    if path is None:
        return None
    kind = kind_of(path)
    if kind == "silhouettes":
        from ..datasets.silhouettes import read

        found = list(read(path))
        return next((one.sequence for one in found if one.identity == label), found[0].sequence)
    if kind == "result":
        return _best(Result(path))
    if kind == "video":
        from ..video.sources import expand

        (source,) = expand([str(path)])
        return _best(Result(folder / HIDDEN / "results" / sequence.identity / source.name))
    return None


def _place(folder: Path, name: str) -> tuple[Path | None, str]:
    """The path that a folder's sequence is named after, and what the name says beyond it."""
    words = name.split(" ")
    for count in range(len(words), 0, -1):
        path = folder / " ".join(words[:count])
        if path.exists() and path.resolve().is_relative_to(folder.resolve()):
            return path, " ".join(words[count:])
    return None, ""


def _best(result: Result) -> SilhouetteSequence | None:
    usable = [track for track in result.tracks if track.usable]
    if not usable:
        return None
    best = max(usable, key=lambda track: (track.score, track.silhouettes))
    return result.silhouettes(best, good_only=True)
