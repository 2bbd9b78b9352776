"""The whole path on a real clip, asking a real question of it.

The clip shows a woman who walks through a park. The gallery is the first half of her walk among twenty
synthetic people; the query is the second half. If the network knows people by their walk, she comes first.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .assets import fetch
from .errors import MeshgaitError, NoWalkerError
from .gallery.identify import identify
from .gallery.walkers import why_nobody
from .pipeline import Extractor, ExtractSettings
from .results.directory import Result
from .shipped import folder as shipped_folder

if TYPE_CHECKING:
    from .gallery.identify import Identification
    from .pipeline import Progress
    from .records import SilhouetteSequence
    from .results.manifest import TrackEntry

__all__ = [
    "CLIP",
    "WALKER",
    "ask",
    "default_extractor",
    "extract_clip",
    "main_walker",
    "write_halves",
]

CLIP = "park.mp4"
WALKER = "park-walker"


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


def ask(extractor: Extractor, gallery: Path, query: Path) -> Identification:
    """Who is it?"""
    return identify(query, gallery, extractor, gallery.parent)


def default_extractor(device: str) -> Extractor:
    return Extractor(ExtractSettings(), device)
