"""Silhouettes on disk to a file of embeddings: what researchers ask of every gait repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SilhouetteError, SourceNotFound, UsageError
from .results.embeddings import SUFFIXES, EmbeddingSet, LabelledEmbedding
from .spared import spare
from .words import storable

if TYPE_CHECKING:
    from .datasets.silhouettes import LabelledSilhouettes
    from .pipeline import Progress

__all__ = ["embed_silhouettes", "embed_tree"]

_BATCH_FRAMES = 2000  # silhouettes held at once


def embed_silhouettes(
    source: Path,
    target: Path,
    *,
    model: str | None = None,
    device: str = "auto",
    backend: str = "auto",
    progress: Progress | None = None,
) -> EmbeddingSet:
    """Embed every sequence below `source` into `target` (.safetensors or .parquet), and return them.

    model: a variant's name or a checkpoint, one that `export` wrote included. backend: see `backends`.
    Raises SourceNotFound, UsageError (a target of another kind), SilhouetteError (nothing to read, or
    something that is no silhouettes).
    """
    if not source.exists():
        raise SourceNotFound(f"there is no {source}")
    if target.suffix not in SUFFIXES:
        raise UsageError(f"cannot write {target.name}: embeddings go to a {' or '.join(SUFFIXES)} file")
    spare("--out", target, source, model)
    done = embed_tree(source, model=model, device=device, backend=backend, progress=progress)
    done.write(target)
    return done


def embed_tree(
    source: Path,
    *,
    model: str | None = None,
    device: str = "auto",
    backend: str = "torch:f32",
    progress: Progress | None = None,
) -> EmbeddingSet:
    """Embed every sequence below `source`, in the order of `datasets.silhouettes.read`; in full precision,
    which is what evaluation wants, unless another backend is asked for.

    Raises SilhouetteError: nothing to read, or something that is no silhouettes.
    """
    from .datasets.silhouettes import count, read
    from .network.embed import Embedder
    from .pipeline import Step

    embedder = Embedder(model, device=device, backend=backend)
    total = count(source)
    items: list[LabelledEmbedding] = []
    waiting: list[LabelledSilhouettes] = []

    def flush() -> None:
        embeddings = embedder.embed([item.sequence for item in waiting])
        for item, embedding in zip(waiting, embeddings, strict=True):
            identity, *labels = map(storable, (item.identity, item.type, item.view, item.path.as_posix()))
            items.append(LabelledEmbedding(identity, embedding, *labels))
        waiting.clear()
        if progress:
            progress(Step("embed", len(items), total))

    for item in read(source):
        waiting.append(item)
        if sum(len(entry.sequence) for entry in waiting) >= _BATCH_FRAMES:
            flush()
    if waiting:
        flush()
    if not items:
        raise SilhouetteError(f"{source} holds no silhouettes")
    return EmbeddingSet(tuple(items), embedder.model_id, embedder.trained)
