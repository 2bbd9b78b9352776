"""A gallery as people keep it: a folder of videos, results or silhouettes, one name a person.

    gallery/anna.mp4                gallery/anna/monday.mp4, gallery/anna/tuesday.mp4
    gallery/anna.npz                gallery/anna/<type>/<view>/*.pkl (OpenGait's tree)
    gallery/anna/manifest.json …    (a result of `meshgait extract`)

Its index lives in the hidden folder `.meshgait` inside it: content hashes and embeddings, so that only
new or changed files are processed again, and whoever is taken out of the folder is gone from the index
at the next use.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..assets import sha256_of
from ..errors import GalleryError, MeshgaitError, ResultError, SourceNotFound
from ..results.directory import EMBEDDINGS, is_result
from ..results.embeddings import SUFFIXES as EMBEDDING_SUFFIXES
from ..results.embeddings import EmbeddingSet, LabelledEmbedding
from ..results.manifest import MANIFEST
from ..video.sources import VIDEO_SUFFIXES
from .search import Gallery, GallerySequence
from .walkers import IMAGE_SUFFIXES, SILHOUETTE_SUFFIXES, Walker, kind_of, walkers_in

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["HIDDEN", "Indexed", "digest_of", "index_folder", "sources_in"]

HIDDEN = ".meshgait"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Indexed:
    """A folder's gallery, how many of its files had to be processed now, and what to tell the user."""

    gallery: Gallery
    processed: int
    reused: int
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Item:
    """One source of one identity, and what the index knows of it."""

    path: Path
    identity: str
    digest: str = ""
    embeddings: list[LabelledEmbedding] = field(default_factory=list)
    note: str = ""


def index_folder(
    folder: Path,
    extractor: Extractor,
    *,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> Indexed:
    """Bring the index of `folder` up to date and return its gallery.

    announce(name, number, count) is called before each new file is processed.
    Raises SourceNotFound when there is no such folder, GalleryError when it holds nobody usable or
    embeddings of another model.
    """
    if not folder.is_dir():
        raise SourceNotFound(f"there is no gallery folder {folder}")
    items = [_Item(path, identity) for path, identity in sources_in(folder)]
    if not items:
        raise GalleryError(
            f"the gallery {folder} is empty: put in NAME.mp4, NAME/*.mp4, or extracted results by name"
        )
    settings = json.dumps([extractor.settings.__repr__(), extractor.embedder.model_id])
    known = _read_index(folder, settings)
    new: list[_Item] = []
    for item in items:
        item.digest = digest_of(item.path)
        kept = known.get(_key(folder, item.path))
        if kept is not None and kept.digest == item.digest and kept.identity == item.identity:
            item.embeddings, item.note = kept.embeddings, kept.note
        else:
            new.append(item)
    for number, item in enumerate(new, 1):
        if announce:
            announce(_key(folder, item.path), number, len(new))
        _process(item, folder, extractor, progress)
    if new or len(known) != len(items):
        _write_index(folder, settings, items, extractor)
    notes = tuple(item.note for item in items if item.note)
    sequences = tuple(
        GallerySequence(e.id, _key(folder, item.path) + (f" {e.type}" if e.type else ""), e.embedding)
        for item in items
        for e in item.embeddings
    )
    if not sequences:
        raise GalleryError(f"nobody in the gallery {folder} can be used: {'; '.join(notes)}")
    return Indexed(Gallery(sequences), len(new), len(items) - len(new), notes)


def sources_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """(path, identity) of everything in the folder that can hold a walker."""
    files = (*VIDEO_SUFFIXES, *SILHOUETTE_SUFFIXES, *EMBEDDING_SUFFIXES)
    for child in sorted(folder.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from ((path, child.name) for path in _below(child, files))
        elif child.suffix.lower() in files:
            yield child, child.stem


def _below(folder: Path, files: tuple[str, ...]) -> Iterator[Path]:
    if is_result(folder):
        yield folder
        return
    children = [child for child in sorted(folder.iterdir()) if not child.name.startswith(".")]
    if any(child.suffix.lower() in IMAGE_SUFFIXES for child in children):
        yield folder  # a folder of masks is one sequence
        return
    for child in children:
        if child.is_dir():
            yield from _below(child, files)
        elif child.suffix.lower() in files:
            yield child


def _process(item: _Item, folder: Path, extractor: Extractor, progress: Progress | None) -> None:
    """Fill in the item's embeddings, or the note that says why it has none."""
    name = _key(folder, item.path)
    try:
        walkers = walkers_in(item.path, extractor, folder / HIDDEN / "results" / item.identity, progress)
    except (OSError, MeshgaitError) as error:
        if isinstance(error, MeshgaitError) and error.exit_code == 2:
            raise
        item.note = f"{name} is left out: {error}"
        return
    other = next((w for w in walkers if w.embedding.model_id != extractor.embedder.model_id), None)
    if other is not None:
        raise GalleryError(
            f"{name} holds embeddings of {other.embedding.model_id}, but {extractor.embedder.model_id} is in "
            "use: embed it again, or choose that model with --model"
        )
    if kind_of(item.path) in ("video", "result") and len(walkers) > 1:
        best = max(walkers, key=lambda walker: (walker.embedding.quality, walker.embedding.frames))
        item.note = (
            f"{len(walkers)} people walk in {name}: {best.label}, the best seen, stands for {item.identity}"
        )
        walkers = [best]
    item.embeddings = [_labelled(item, walker) for walker in walkers]


def _labelled(item: _Item, walker: Walker) -> LabelledEmbedding:
    named = item.path.suffix.lower() in EMBEDDING_SUFFIXES
    return LabelledEmbedding(
        id=walker.label if named else item.identity,
        embedding=walker.embedding,
        type="" if named else walker.label if walker.label != item.identity else "",
    )


def _key(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def digest_of(path: Path) -> str:
    """sha256 of a file; of a result's manifest and embeddings; of a mask folder's files."""
    if path.is_file():
        return sha256_of(path)
    if is_result(path):
        files = [path / MANIFEST, path / EMBEDDINGS]
    else:
        files = sorted(file for file in path.iterdir() if file.is_file())
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}:{sha256_of(file) if file.is_file() else ''}\n".encode())
    return total.hexdigest()


def _read_index(folder: Path, settings: str) -> dict[str, _Item]:
    """What is known, by relative path; nothing when the index is missing, damaged or of another model."""
    place = folder / HIDDEN
    try:
        index: dict[str, Any] = json.loads((place / "index.json").read_text(encoding="utf-8"))
        if index["schema"] != _SCHEMA or index["settings"] != settings:
            return {}
        stored = EmbeddingSet.read(place / EMBEDDINGS)
        items = {
            key: _Item(folder / key, entry["identity"], entry["sha256"], [], entry["note"])
            for key, entry in index["items"].items()
        }
        for embedding in stored.items:
            items[embedding.path].embeddings.append(embedding)
        if any(len(items[key].embeddings) != entry["count"] for key, entry in index["items"].items()):
            return {}
        return items
    except (OSError, ValueError, KeyError, TypeError, ResultError):
        return {}


def _write_index(folder: Path, settings: str, items: list[_Item], extractor: Extractor) -> None:
    place = folder / HIDDEN
    embeddings: list[LabelledEmbedding] = []
    for item in items:
        item.embeddings = [
            LabelledEmbedding(e.id, e.embedding, e.type, e.view, _key(folder, item.path))
            for e in item.embeddings
        ]
        embeddings += item.embeddings
    index = {
        "schema": _SCHEMA,
        "settings": settings,
        "items": {
            _key(folder, item.path): {
                "identity": item.identity,
                "sha256": item.digest,
                "count": len(item.embeddings),
                "note": item.note,
            }
            for item in items
        },
    }
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        # Between these two writes the counts disagree, and the next run starts the index afresh.
        EmbeddingSet(tuple(embeddings), extractor.embedder.model_id, extractor.embedder.trained).write(
            place / EMBEDDINGS
        )
        temporary = place / f".index.{os.getpid()}.tmp"
        temporary.write_text(json.dumps(index, indent=1, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, place / "index.json")
    except PermissionError:
        return  # a read-only gallery is searched all the same; it is only indexed anew each time
