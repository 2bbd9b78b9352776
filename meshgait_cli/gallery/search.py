"""Rank the people of a gallery by their likeness to a walker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..distance import part_distance
from ..errors import GalleryError
from ..records import GaitEmbedding, Match
from .sequence import GallerySequence

__all__ = ["Gallery", "GallerySequence"]


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Known people. Raises GalleryError when empty, or when made by more than one model."""

    sequences: tuple[GallerySequence, ...]

    def __post_init__(self) -> None:
        if not self.sequences:
            raise GalleryError("the gallery holds nobody")
        models = {sequence.embedding.model_id for sequence in self.sequences}
        if len(models) > 1:
            raise GalleryError(
                f"the gallery mixes embeddings of different models: {', '.join(sorted(models))}"
            )

    @property
    def model_id(self) -> str:
        return self.sequences[0].embedding.model_id

    @property
    def identities(self) -> list[str]:
        return sorted({sequence.identity for sequence in self.sequences})

    def rank(self, query: GaitEmbedding, top_k: int | None = None) -> list[Match]:
        """Identities, nearest first; an identity is as near as its nearest sequence.

        Raises GalleryError when the query was embedded by another model.
        """
        if query.model_id != self.model_id:
            raise GalleryError(
                f"the query was embedded by {query.model_id}, the gallery by {self.model_id}: "
                "embed both with one model (--model)"
            )
        others = np.stack([sequence.embedding.values for sequence in self.sequences])
        distances = part_distance(query.values, others)
        best: dict[str, int] = {}
        for index in np.argsort(distances, kind="stable"):
            best.setdefault(self.sequences[index].identity, int(index))
        order = list(best.items())
        near = [float(distances[index]) for _, index in order]
        gaps = [*np.diff(near).tolist(), float("nan")]
        return [
            Match(identity=identity, distance=near[i], margin=gaps[i], sequence=self.sequences[index].name)
            for i, (identity, index) in enumerate(order[:top_k])
        ]
