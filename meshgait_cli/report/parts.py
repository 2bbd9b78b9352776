"""Where two walks agree: the distance of each horizontal part, against what strangers have there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PartAgreement", "agreement", "colour"]

MIN_OTHERS = 3  # from which one can say what is usual
MOST = 3.0  # standard deviations at which the colour is full
NEAR, EVEN, FAR = (
    (37, 118, 196),
    (168, 166, 160),
    (217, 108, 26),
)  # blue, grey, orange: told apart by all eyes
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PartAgreement:
    """Of P parts, the head first. distances: P. usual: P, the mean distance to other people, NaN where there
    are too few of them. agreement: P, by how many of their standard deviations this one is nearer; 0 where
    nobody knows."""

    distances: Array
    usual: Array
    agreement: Array


def agreement(query: Array, candidate: Array, others: Array) -> PartAgreement:
    """query, candidate: P×dim. others: N×P×dim of people who are not the candidate."""
    distances = np.linalg.norm(query - candidate, axis=1)
    if len(others) < MIN_OTHERS:
        return PartAgreement(distances, np.full_like(distances, np.nan), np.zeros_like(distances))
    away = np.linalg.norm(others - query, axis=2)
    usual, spread = away.mean(0), np.maximum(away.std(0), 1e-6)
    return PartAgreement(distances, usual, (usual - distances) / spread)


def colour(agreement: float) -> str:
    """From orange (farther than strangers) through grey to blue (nearer), as #rrggbb."""
    share = float(np.clip(agreement / MOST, -1, 1))
    end = NEAR if share > 0 else FAR
    mixed = (round(a + (b - a) * abs(share)) for a, b in zip(EVEN, end, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)
