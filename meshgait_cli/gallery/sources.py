"""What a path holds for a gallery: whose walks, and the sequences of each.

people/anna.mp4                people/anna/monday.mp4, people/anna/tuesday.mp4
people/anna.npz                people/anna/<type>/<view>/*.pkl (OpenGait's tree)
people/anna/manifest.json …    (a result of `meshgait extract`)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..assets import sha256_of
from ..errors import SourceNotFound, UsageError
from ..results.directory import EMBEDDINGS, is_result
from ..results.embeddings import SUFFIXES as EMBEDDING_SUFFIXES
from ..results.manifest import MANIFEST
from ..video.sources import VIDEO_SUFFIXES, called
from ..words import storable
from .private import workplace
from .search import GallerySequence
from .sequence import checked_name
from .walkers import IMAGE_SUFFIXES, SILHOUETTE_SUFFIXES, Walker, kind_of, walkers_in

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Source", "digest_of", "listed", "sequences_in"]


@dataclass(frozen=True, slots=True)
class Source:
    """address: a path, or a stream's. identity: None where the source itself names its people. name: for
    people to read; in a folder the path relative to it, with slashes."""

    address: str
    identity: str | None
    name: str
    view: str = ""


def listed(source: str, identity: str | None = None) -> Iterator[Source]:
    """All that is to be read of a source: as `identity` where that is given, else of a folder everything in
    it that can hold a walker.

    Raises SourceNotFound, UsageError when nobody says whose walk it is.
    """
    path = Path(source)
    if "://" not in source and not path.exists():
        raise SourceNotFound(f"there is no {source}")
    if identity is not None:
        yield Source(source, checked_name(identity), called(source))
    elif path.is_dir() and not is_result(path):
        for found, name in _in_folder(path):
            parts = found.relative_to(path).parts
            named = kind_of(found) == "embeddings"
            view = parts[2] if len(parts) > 3 else ""  # identity/type/view/file
            yield Source(str(found), None if named else name, found.relative_to(path).as_posix(), view)
    elif path.is_file() and kind_of(path) == "embeddings":
        yield Source(source, None, path.name)
    else:
        raise UsageError(
            f"whose walk is {source}? Say --identity NAME, or give a folder with a file or folder for each "
            "person"
        )


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
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


def digest_of(path: Path) -> str:
    """sha256 of a file; of a result's manifest and embeddings; of all files in any other folder."""
    if path.is_file():
        return sha256_of(path)
    if is_result(path):
        files = [path / MANIFEST, path / EMBEDDINGS]
    else:
        files = sorted(file for file in path.rglob("*") if file.is_file())
    total = hashlib.sha256()
    for file in files:
        name = file.relative_to(path).as_posix()
        line = f"{name}:{sha256_of(file) if file.is_file() else ''}\n"
        total.update(line.encode(errors="surrogateescape"))  # a file's name may be no text
    return total.hexdigest()


def sequences_in(
    source: Source,
    digest: str,
    extractor: Extractor,
    work: Path,
    progress: Progress | None = None,
    *,
    camera: str = "",
    view: str = "",
) -> tuple[list[GallerySequence], str]:
    """A source's sequences, and what is to be said about them, if anything: where several people walk in a
    video, the best seen stands for the identity.

    digest: of the source. work: where a video is extracted for a while. Raises as `walkers_in` does.
    """
    with workplace(work) as place:
        walkers, note = _walkers(source, extractor, place, progress)
        many = len(walkers) > 1
        found = [
            _sequence(source, walker, number if many else 0, digest, camera, view)
            for number, walker in enumerate(walkers, 1)
        ]
    return found, note


def _walkers(
    source: Source, extractor: Extractor, place: Path, progress: Progress | None
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
    source: Source, walker: Walker, number: int, digest: str, camera: str, view: str
) -> GallerySequence:
    """number: the walker's in a source of several, so that no two of them have the same name; 0 alone."""
    told = [walker.label] if source.identity not in (None, walker.label) else []
    return GallerySequence(
        identity=walker.label if source.identity is None else source.identity,
        name=storable(" ".join([source.name, *told, *([f"#{number}"] if number else [])])),
        embedding=walker.embedding,
        source=digest,
        video=storable(walker.video),
        start_s=walker.start_s,
        end_s=walker.end_s,
        view=storable(view or source.view or walker.view),
        camera=camera,
        silhouettes=walker.silhouettes,
    )
