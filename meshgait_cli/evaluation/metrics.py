"""Identification and verification, from distances. Pure functions of arrays.

Distances are Q×G, smaller is more alike. same: Q×G bool, whether the two are one person. allowed: Q×G bool,
the pairs that a protocol compares. An impostor as near as the right person counts as nearer: a network that
answers everything alike gets nothing right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Errors", "Retrieval", "equal_error_rate", "error_curve", "retrieve", "tar_at_far"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """What became of each probe. rank: place of the right person's first sequence, from 1. ap: average
    precision. inp: inverse negative penalty, matches divided by the rank of the last (Ye et al., arXiv
    2001.04193). NaN where the gallery does not hold the person: such a probe asks nothing."""

    rank: Array
    ap: Array
    inp: Array

    @property
    def asked(self) -> Mask:
        return np.isfinite(self.rank)

    def within(self, k: int) -> Array:
        """Per probe 1 or 0: the right person is among the first k (rank-k); NaN where nothing was asked."""
        return np.where(self.asked, self.rank <= k, np.nan)


def retrieve(distances: NDArray[np.floating], same: Mask, allowed: Mask) -> Retrieval:
    """Rank the allowed gallery of every probe. Rank-k counts sequences, as the field does."""
    probes = len(distances)
    rank, ap, inp = (np.full(probes, np.nan) for _ in range(3))
    for q in range(probes):
        near, right = distances[q][allowed[q]], same[q][allowed[q]]
        if not right.any():
            continue
        # Right ones last among equals.
        hits = np.flatnonzero(right[np.lexsort((right, near))]) + 1
        rank[q] = hits[0]
        ap[q] = np.mean(np.arange(1, len(hits) + 1) / hits)
        inp[q] = len(hits) / hits[-1]
    return Retrieval(rank, ap, inp)


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Verification at rising thresholds. false_accept: share of impostor pairs that pass. false_reject: share
    of genuine pairs that do not."""

    false_accept: Array
    false_reject: Array


def error_curve(genuine: Array, impostor: Array) -> Errors:
    """The DET curve's points for distances of genuine and impostor pairs (neither empty); a pair passes at or
    below the threshold. The first point lets nobody pass."""
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    passed = np.searchsorted(np.sort(impostor), thresholds, side="right") / len(impostor)
    missed = 1 - np.searchsorted(np.sort(genuine), thresholds, side="right") / len(genuine)
    return Errors(np.concatenate([[0.0], passed]), np.concatenate([[1.0], missed]))


def equal_error_rate(errors: Errors) -> float:
    """Where false accepts and false rejects are equal, between the two nearest points of the curve."""
    gap = errors.false_accept - errors.false_reject  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    span = gap[after] - gap[before]
    share = 0.0 if span == 0 else -gap[before] / span
    return float(
        errors.false_accept[before] + share * (errors.false_accept[after] - errors.false_accept[before])
    )


def tar_at_far(errors: Errors, far: float) -> float:
    """Share of genuine pairs that pass at the loosest threshold with at most `far` false accepts."""
    return float(1 - errors.false_reject[errors.false_accept <= far].min())
