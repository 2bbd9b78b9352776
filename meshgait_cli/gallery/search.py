"""Rank the people of a gallery by their likeness to a walker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError
from ..records import GaitEmbedding, Match
from .sequence import GallerySequence
from .sets import DEFAULT, groups_of, set_distances

__all__ = ["Gallery", "GallerySequence"]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Known people. sample: where this is the part of a large gallery that is near a walker, the names of
    those in it who stand for everybody; neighbours make no cohort. None for a whole gallery.

    Raises GalleryError when empty, or when made by more than one model.
    """

    sequences: tuple[GallerySequence, ...]
    sample: frozenset[str] | None = None

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
    def cohort_from(self) -> Sequence[GallerySequence]:
        """Of whom a cohort is made."""
        if self.sample is None:
            return self.sequences
        return [one for one in self.sequences if one.identity in self.sample]

    @property
    def identities(self) -> list[str]:
        return list(self.groups)

    @cached_property
    def groups(self) -> dict[str, NDArray[np.int64]]:
        """Each identity, sorted, and the rows of its sequences."""
        return groups_of([sequence.identity for sequence in self.sequences])

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """S×parts×dim, in the order of `sequences`."""
        return np.stack([sequence.embedding.values for sequence in self.sequences])

    @cached_property
    def quality(self) -> NDArray[np.float32]:
        return np.array([sequence.embedding.quality for sequence in self.sequences], np.float32)

    def require_model(self, query: GaitEmbedding) -> None:
        """Raises GalleryError when the query was embedded by another model, or is of another shape."""
        if query.model_id != self.model_id:
            raise GalleryError(
                f"the query was embedded by {query.model_id}, the gallery by {self.model_id}: "
                "embed both with one model (--model)"
            )
        if query.values.shape != self.sequences[0].embedding.values.shape:
            raise GalleryError(
                f"the query's embedding is {query.values.shape}, the gallery's are "
                f"{self.sequences[0].embedding.values.shape}: one of the two is damaged"
            )

    def rank(self, query: GaitEmbedding, top_k: int | None = None, sets: str = DEFAULT) -> list[Match]:
        """Identities, nearest first. sets: how several sequences of one person count (`sets.METHODS`).

        Raises GalleryError when the query was embedded by another model.
        """
        self.require_model(query)
        distances, nearest = set_distances(
            query.values[None], self.values, self.quality, list(self.groups.values()), sets
        )
        order = np.argsort(distances[0], kind="stable")
        near = distances[0][order].astype(float)
        gaps = [*np.diff(near).tolist(), float("nan")]
        names = self.identities
        return [
            Match(
                identity=names[number],
                distance=float(near[place]),
                margin=gaps[place],
                sequence=self.sequences[nearest[0, number]].name,
            )
            for place, number in enumerate(order[:top_k])
        ]
