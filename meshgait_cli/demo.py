"""The whole path on a real clip, asking a real question of it.

The clip shows a woman who walks through a park. The gallery is the first half of her walk among twenty
synthetic people; the query is the second half. If the network knows people by their walk, she comes first.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .assets import fetch
from .errors import MeshgaitError, NoWalkerError
from .gallery.folder import index_folder
from .gallery.walkers import walkers_in, why_nobody
from .pipeline import Extractor, ExtractSettings
from .results.directory import Result
from .shipped import folder as shipped_folder

if TYPE_CHECKING:
    from .pipeline import Progress
    from .records import Match, SilhouetteSequence
    from .results.manifest import TrackEntry

__all__ = [
    "CLIP",
    "WALKER",
    "Answer",
    "ask",
    "default_extractor",
    "extract_clip",
    "main_walker",
    "write_halves",
]

CLIP = "park.mp4"
WALKER = "park-walker"


@dataclass(frozen=True, slots=True)
class Answer:
    """The ranking, and whether the walker's other half came first among `people` identities."""

    matches: list[Match]
    people: int
    right: bool


def extract_clip(extractor: Extractor, out: Path, progress: Progress | None = None) -> Result:
    """Fetch the clip (verified by sha256) and extract it into `out`."""
    return extractor.extract(fetch(CLIP), out, progress=progress).result


def main_walker(result: Result) -> TrackEntry:
    """The best gait sample of a result. Raises NoWalkerError when there is none."""
    usable = [track for track in result.tracks if track.usable]
    if not usable:
        raise NoWalkerError(why_nobody(result))
    return max(usable, key=lambda track: track.score)


def write_halves(sequence: SilhouetteSequence, out: Path) -> tuple[Path, Path]:
    """Write the gallery (first half, among the synthetic people) and the query (second half) below `out`."""
    gallery, query = out / "gallery", out / "query.npz"
    shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(parents=True)
    strangers = sorted((shipped_folder("examples") / "walkers").glob("*.npz"))
    if not strangers:
        raise MeshgaitError("the synthetic people are not installed with this package: reinstall meshgait")
    for path in strangers:
        shutil.copy(path, gallery / path.name)
    middle = len(sequence) // 2
    np.savez_compressed(gallery / f"{WALKER}.npz", silhouettes=sequence.silhouettes[:middle])
    np.savez_compressed(query, silhouettes=sequence.silhouettes[middle:])
    return gallery, query


def ask(extractor: Extractor, gallery: Path, query: Path) -> Answer:
    """Who is it?"""
    indexed = index_folder(gallery, extractor)
    (walker,) = walkers_in(query, extractor, gallery.parent)
    matches = indexed.gallery.rank(walker.embedding)
    return Answer(matches, len(indexed.gallery.identities), matches[0].identity == WALKER)


def default_extractor(device: str) -> Extractor:
    return Extractor(ExtractSettings(), device)
