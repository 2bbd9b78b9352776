"""Videos, results, silhouettes and embeddings into a gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GalleryError, MeshgaitError, NoWalkerError, SourceNotFound, UsageError
from ..results.directory import is_result
from .folder import digest_of, sources_in
from .private import lies_in_memory, swept, workplace
from .sequence import GallerySequence, checked_label, checked_name
from .store import Store
from .walkers import Walker, kind_of, walkers_in

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Enrolment", "enrol"]

_TOGETHER = 64  # sequences that go into the gallery in one transaction


@dataclass(frozen=True, slots=True)
class Enrolment:
    """sequences: how many are new, of whom. already: sources that had been enrolled before. notes: what the
    user should know: files left out and why, of several walkers which one was taken."""

    sequences: int
    people: tuple[str, ...]
    already: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """identity: None where the source itself names its people."""

    address: str
    identity: str | None
    name: str
    view: str = ""


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
    camera, view = checked_label(camera, "camera"), checked_label(view, "view")
    todo = [found for source in sources for found in _listed(str(source), identity)]
    if not todo:
        raise NoWalkerError(f"nothing to enrol in {', '.join(map(str, sources))}")
    if any(kind_of(source.address) != "embeddings" for source in todo):
        store.require_model(extractor.embedder.model_id)
    swept(store.work)
    waiting: list[GallerySequence] = []
    ids: list[str] = []
    people: set[str] = set()
    notes: list[str] = []
    already = 0

    def flush() -> None:
        ids.extend(store.add(waiting))
        people.update(one.identity for one in waiting)
        waiting.clear()

    for number, source in enumerate(todo, 1):
        if announce:
            announce(source.name, number, len(todo))
        digest = "" if "://" in source.address else digest_of(Path(source.address))
        if digest and source.identity is not None and source.identity in store.holds(digest):
            already += 1
            continue
        try:
            with workplace(store.work) as place:
                walkers, note = _walkers(source, extractor, place, progress)
                found = [
                    _sequence(source, walker, n if len(walkers) > 1 else 0, digest, camera, view)
                    for n, walker in enumerate(walkers, 1)
                ]
        except (OSError, MeshgaitError) as error:
            if len(todo) == 1 or (isinstance(error, MeshgaitError) and error.exit_code == 2):
                raise
            notes.append(f"{source.name} is left out: {error}")
            continue
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


def _listed(source: str, identity: str | None) -> Iterator[_Source]:
    path = Path(source)
    if "://" not in source and not path.exists():
        raise SourceNotFound(f"there is no {source}")
    if identity is not None:
        yield _Source(source, checked_name(identity), path.name)
    elif path.is_dir() and not is_result(path):
        for found, name in sources_in(path):
            parts = found.relative_to(path).parts
            named = kind_of(found) == "embeddings"
            view = parts[2] if len(parts) > 3 else ""  # identity/type/view/file
            yield _Source(str(found), None if named else name, found.relative_to(path).as_posix(), view)
    elif path.is_file() and kind_of(path) == "embeddings":
        yield _Source(source, None, path.name)
    else:
        raise UsageError(
            f"whose walk is {source}? Say --identity NAME, or give a folder with a file or folder for each "
            "person"
        )


def _walkers(
    source: _Source, extractor: Extractor, place: Path, progress: Progress | None
) -> tuple[list[Walker], str]:
    walkers = walkers_in(source.address, extractor, place, progress)
    if source.identity is None or kind_of(source.address) not in ("video", "result") or len(walkers) == 1:
        return walkers, ""
    best = max(walkers, key=lambda walker: (walker.embedding.quality, walker.embedding.frames))
    return [best], (
        f"{len(walkers)} people walk in {source.name}: {best.label}, the best seen, "
        f"stands for {source.identity}"
    )


def _sequence(
    source: _Source, walker: Walker, number: int, digest: str, camera: str, view: str
) -> GallerySequence:
    """number: the walker's in a source of several, so that no two of them have the same name; 0 alone."""
    told = [walker.label] if source.identity not in (None, walker.label) else []
    return GallerySequence(
        identity=walker.label if source.identity is None else source.identity,
        name=" ".join([source.name, *told, *([f"#{number}"] if number else [])]),
        embedding=walker.embedding,
        source=digest,
        video=walker.video,
        start_s=walker.start_s,
        end_s=walker.end_s,
        view=view or source.view or walker.view,
        camera=camera,
        silhouettes=walker.silhouettes,
    )
