"""Videos, results, silhouettes and embeddings into a gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GalleryError, MeshgaitError, NoWalkerError
from .private import lies_in_memory
from .sequence import GallerySequence, checked_label
from .sources import Source, digest_of, listed, sequences_in
from .store import Store
from .walkers import kind_of

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Enrolment", "enrol"]

_TOGETHER = 64  # sequences that go into the gallery in one transaction


@dataclass(frozen=True, slots=True)
class Enrolment:
    """sequences: how many are new, of whom. already: sources that had been enrolled before, or are named
    twice. notes: what the user should know: files left out and why, whom of several walkers it took."""

    sequences: int
    people: tuple[str, ...]
    already: int
    notes: tuple[str, ...]


def enrol(
    store: Store,
    sources: Sequence[str | Path],
    extractor: Extractor,
    *,
    identity: str | None = None,
    camera: str = "",
    view: str = "",
    keep_silhouettes: bool = True,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> Enrolment:
    """Enrol everything in `sources`, all of it as `identity` where that is given.

    Else a source is a folder as `match` takes it (NAME.mp4, NAME/…), or a file of embeddings that names its
    people. In a video where several people walk, the best seen stands for the identity, and a note says so.
    What was enrolled before is left out. Videos are extracted inside the gallery and nothing but silhouettes
    and embeddings is kept of them. announce(name, number, count) is called before each source.

    Raises UsageError when nobody says whose walk a source is, or for a label that is none, SourceNotFound,
    GalleryError when the embeddings are of another model than the gallery's; and, when nothing at all could
    be enrolled, what was wrong.
    """
    store.require_own()
    camera, view = checked_label(camera, "camera"), checked_label(view, "view")
    todo = [found for source in sources for found in listed(str(source), identity)]
    if not todo:
        raise NoWalkerError(f"nothing to enrol in {', '.join(map(str, sources))}")
    if any(kind_of(source.address) != "embeddings" for source in todo):
        store.require_model(extractor.embedder.model_id)
    store.holding.sweep()
    waiting: list[GallerySequence] = []
    ids: list[str] = []
    people: set[str] = set()
    notes: list[str] = []
    seen: set[tuple[str, str | None]] = set()
    already = 0

    def flush() -> None:
        ids.extend(store.add(waiting))
        people.update(one.identity for one in waiting)
        waiting.clear()

    def leave_out(source: Source, error: Exception) -> None:
        if len(todo) == 1 or (isinstance(error, MeshgaitError) and error.exit_code == 2):
            raise error
        notes.append(f"{source.name} is left out: {error}")

    for number, source in enumerate(todo, 1):
        if announce:
            announce(source.name, number, len(todo))
        try:
            digest = "" if "://" in source.address else digest_of(Path(source.address))
        except OSError as error:
            leave_out(source, error)
            continue
        if digest and ((digest, source.identity) in seen or source.identity in store.holds(digest)):
            already += 1
            continue
        try:
            found, note = sequences_in(
                source, digest, extractor, store.work, progress, camera=camera, view=view
            )
        except (OSError, MeshgaitError) as error:
            leave_out(source, error)
            continue
        seen.add((digest, source.identity))
        notes += [note] if note else []
        waiting += found if keep_silhouettes else [replace(one, silhouettes=None) for one in found]
        if len(waiting) >= _TOGETHER or kind_of(source.address) == "video":
            flush()
    flush()
    if not ids and not already and notes:
        raise GalleryError(f"nothing could be enrolled: {notes[0]}" + (" …" if len(notes) > 1 else ""))
    in_the_open = store.encrypted and not lies_in_memory(store.work)
    if in_the_open and any(kind_of(source.address) == "video" for source in todo):
        notes.append(
            "/dev/shm has no room: what was cut out of videos lay unencrypted on the disk for a while"
        )
    return Enrolment(len(ids), tuple(sorted(people)), already, tuple(notes))
