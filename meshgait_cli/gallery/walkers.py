"""Whatever holds walkers (a video, a result, silhouettes, embeddings) to embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NoWalkerError, SourceNotFound
from ..records import GaitEmbedding, SilhouetteSequence
from ..results.directory import Result, is_result
from ..results.embeddings import SUFFIXES as EMBEDDING_SUFFIXES
from ..results.embeddings import EmbeddingSet

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["IMAGE_SUFFIXES", "SILHOUETTE_SUFFIXES", "Walker", "kind_of", "walkers_in"]

SILHOUETTE_SUFFIXES = (".npz", ".npy", ".pkl")
IMAGE_SUFFIXES = (".png",)
MIN_SILHOUETTES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """One embedded walker. label: an identity where the source names one, else the track.

    result: the folder it was read from. silhouettes: what the embedding was made of. video: its address.
    start_s, end_s: when it was seen there, NaN where nobody knows. view: as the source labels it.
    """

    label: str
    embedding: GaitEmbedding
    result: Path | None = None
    silhouettes: SilhouetteSequence | None = None
    video: str = ""
    start_s: float = math.nan
    end_s: float = math.nan
    view: str = ""


def kind_of(path: str | Path) -> str:
    """`result`, `embeddings`, `silhouettes` or `video` (which stands for everything else)."""
    path = Path(path)
    if path.is_dir():
        if is_result(path):
            return "result"
        suffixes = {file.suffix.lower() for file in path.rglob("*") if file.is_file()}
        return "silhouettes" if suffixes & {*SILHOUETTE_SUFFIXES, *IMAGE_SUFFIXES} else "video"
    suffix = path.suffix.lower()
    if suffix in EMBEDDING_SUFFIXES:
        return "embeddings"
    return "silhouettes" if suffix in SILHOUETTE_SUFFIXES else "video"


def walkers_in(
    source: str | Path,
    extractor: Extractor,
    out: Path,
    progress: Progress | None = None,
) -> list[Walker]:
    """The usable walkers of one source; a video is extracted into `out` first (or found there).

    Raises NoWalkerError when there is nobody usable (the message says why), and the errors of the
    room that reads the source.
    """
    kind = kind_of(source)
    if kind != "video" and not Path(source).exists():
        raise SourceNotFound(f"there is no {source}")
    if kind == "embeddings":
        found = EmbeddingSet.read(Path(source))
        walkers = [Walker(item.id, item.embedding, view=item.view) for item in found.items]
    elif kind == "silhouettes":
        walkers = _from_silhouettes(Path(source), extractor)
    elif kind == "result":
        walkers = _from_result(Result(Path(source)), extractor)
    else:
        walkers = _from_result(extractor.extract(source, out, progress=progress).result, extractor)
    if not walkers:
        raise NoWalkerError(f"{source} holds no walker")
    return walkers


def _from_silhouettes(path: Path, extractor: Extractor) -> list[Walker]:
    from ..datasets.silhouettes import read

    walkers = []
    for item in read(path):
        if len(item.sequence) < MIN_SILHOUETTES:
            continue
        (embedding,) = extractor.embedder.embed([item.sequence])
        label = item.identity or item.path.stem
        walkers.append(Walker(label, embedding, silhouettes=item.sequence, view=item.view))
    if not walkers:
        raise NoWalkerError(f"{path} holds no sequence of at least {MIN_SILHOUETTES} silhouettes")
    return walkers


def _from_result(result: Result, extractor: Extractor) -> list[Walker]:
    usable = [track for track in result.tracks if track.usable]
    if not usable:
        raise NoWalkerError(why_nobody(result))
    network = result.manifest.model("network")
    sequences = [result.silhouettes(track, good_only=True) for track in usable]
    if network is not None and network.id == extractor.embedder.model_id:
        kept = result.embeddings()
        embeddings = [kept.get(track.id) for track in usable]
    else:  # made by another network: the silhouettes are still good
        embeddings = [
            replace(embedding, quality=track.score)
            for embedding, track in zip(extractor.embedder.embed(sequences), usable, strict=True)
        ]
    return [
        Walker(
            label=f"track {track.id}",
            embedding=embedding,
            result=result.folder,
            silhouettes=sequence,
            video=result.manifest.video.address,
            start_s=track.start_s,
            end_s=track.end_s,
        )
        for track, embedding, sequence in zip(usable, embeddings, sequences, strict=True)
        if embedding is not None
    ]


def why_nobody(result: Result) -> str:
    """One line that says why a result has no usable walker."""
    name = result.manifest.video.name
    if result.tracks:
        best = max(result.tracks, key=lambda track: track.silhouettes)
        others = f" (and {len(result.tracks) - 1} more)" if len(result.tracks) > 1 else ""
        return (
            f"{name}: nobody is usable as a gait sample; track {best.id}{others}: {'; '.join(best.reasons)}"
        )
    if result.manifest.dropped:
        return f"{name}: people were seen too briefly: {result.manifest.dropped[0].reason}"
    return f"{name}: no person was found in {result.manifest.video.frames} frames"
