"""A folder of videos, results or silhouettes, one name a person (`sources`), as a gallery.

It becomes one, hidden inside it (`mirror`), and only new or changed files are read again. Whoever is taken
out of the folder is erased from it at the next use.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from ..errors import (
    GalleryError,
    NoWalkerError,
    ResultError,
    SilhouetteError,
    SourceNotFound,
    UsageError,
    VideoError,
)
from .mirror import File, Mirror
from .search import Gallery, GallerySequence
from .sequence import checked_name
from .settings import HIDDEN
from .sources import Source, digest_of, listed, sequences_in
from .store import Store
from .walkers import kind_of

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Indexed", "index_folder"]

_TOGETHER = 64  # files that go into the gallery in one transaction
_NO_SAMPLE = (
    VideoError,
    NoWalkerError,
    SilhouetteError,
    ResultError,
)  # what a file is to blame for


@dataclass(frozen=True, slots=True)
class Indexed:
    """A folder's gallery, how many of its files had to be processed now, and what to tell the user. store:
    where it is kept; None where nothing can be written into the folder."""

    gallery: Gallery
    processed: int
    reused: int
    notes: tuple[str, ...] = ()
    store: Store | None = None


def index_folder(
    folder: Path,
    extractor: Extractor,
    *,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> Indexed:
    """Bring the gallery hidden in `folder` up to date and return it. Nothing but silhouettes and embeddings
    is kept of a video. What was interrupted goes on after the last video that was done.

    announce(name, number, count) is called before each new file is processed.
    Raises SourceNotFound when there is no such folder, GalleryError when it holds nobody usable or
    embeddings of another model, WeightsError when a model cannot be had.
    """
    if not folder.is_dir():
        raise SourceNotFound(f"there is no gallery folder {folder}")
    sources, notes = _sources(folder)
    if not sources:
        if (folder / HIDDEN).exists():
            Mirror(folder, "", {})
        raise GalleryError(
            f"the gallery {folder} is empty: put in NAME.mp4, NAME/*.mp4, or extracted results by name"
        )
    digests = {}
    for name, source in sources.items():
        with suppress(FileNotFoundError):  # somebody is taking files out just now
            digests[name] = digest_of(Path(source.address))
    settings = replace(extractor.settings, preview=False, opengait=False)  # these two change no walk
    key = json.dumps([repr(settings), extractor.embedder.model_id])
    mirror = Mirror(folder, key, digests)
    new = [name for name in digests if name not in mirror.files]
    fresh: dict[str, tuple[File, list[GallerySequence]]] = {}
    for number, name in enumerate(new, 1):
        if announce:
            announce(name, number, len(new))
        try:
            found, note = _sequences(sources[name], digests[name], extractor, mirror.work, progress)
        except (OSError, SourceNotFound, *_NO_SAMPLE) as error:  # it may pass: the next use tries again
            notes.append(f"{name} is left out: {error}")
            continue
        fresh[name] = File(digests[name], [one.id for one in found], note), found
        if len(fresh) == _TOGETHER or kind_of(sources[name].address) == "video":
            mirror.add(fresh)
            fresh = {}
    if fresh:
        mirror.add(fresh)
    notes += [file.note for file in map(mirror.files.get, digests) if file and file.note]
    sequences = tuple(mirror.sequences())
    if not sequences:
        raise GalleryError(f"nobody in the gallery {folder} can be used: {'; '.join(notes)}")
    if mirror.store is None:
        notes.append(
            f"nothing can be kept in {folder} ({mirror.trouble}): what is new is read again each time"
        )
    return Indexed(Gallery(sequences), len(new), len(digests) - len(new), tuple(notes), mirror.store)


def _sources(folder: Path) -> tuple[dict[str, Source], list[str]]:
    """By name; and what is to be said about those whose names are none."""
    sources, notes = {}, []
    for source in listed(str(folder)):
        try:
            source.name.encode()
            if source.identity is not None:
                checked_name(source.identity)
        except (UnicodeEncodeError, UsageError) as error:
            why = error if isinstance(error, UsageError) else "its name is no text"
            notes.append(f"{source.name!r} is left out: {why}")
        else:
            sources[source.name] = source
    return sources, notes


def _sequences(
    source: Source, digest: str, extractor: Extractor, work: Path, progress: Progress | None
) -> tuple[list[GallerySequence], str]:
    """Under new ids, and a note about them, or why there never will be any. Raises what is not the file's
    fault: of the disk, or of the models."""
    try:
        found, note = sequences_in(source, digest, extractor, work, progress)
    except _NO_SAMPLE as error:
        if isinstance(error.__cause__, OSError):
            raise
        return [], f"{source.name} is left out: {error}"
    model_id = extractor.embedder.model_id
    if other := next((one for one in found if one.embedding.model_id != model_id), None):
        raise GalleryError(
            f"{source.name} holds embeddings of {other.embedding.model_id}, but {model_id} is in use: embed "
            "it again, or choose that model with --model"
        )
    try:
        return [replace(one, id=token_hex(8), identity=checked_name(one.identity)) for one in found], note
    except UsageError as error:
        return [], f"{source.name} is left out: {error}"
