"""A walker against all that is held of a person: distances from one sequence to a set of sequences.

Which wins depends on the network. For the one that is shipped, on 960 synthetic people with four walks of
mixed view, clothes and faults, each in turn against the other three, `weighted` is some 0.06 ahead of `best`
at rank-1, and `mean` a little behind (docs/match.md; quality unknown, so the weights were alike). So
`weighted` is the default, and the shipped probabilities are fitted to it. The sequence that is named is the
nearest one, whichever counts.
`python -m meshgait_cli.gallery.shipped_calibration` measures it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..distance import part_distances
from ..errors import UsageError

__all__ = ["DEFAULT", "METHODS", "check_method", "groups_of", "set_distances"]

METHODS = ("best", "mean", "weighted")
DEFAULT = "weighted"
_UNKNOWN_QUALITY = 0.5
Array = NDArray[np.float32]


def check_method(method: str) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown way to compare sets {method!r}: use {', '.join(METHODS)}")


def groups_of(identities: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Each identity, in order of name, and the rows that are theirs."""
    if not len(identities):
        return {}
    names, number = np.unique(np.array(identities, dtype=np.str_), return_inverse=True)
    order = np.argsort(number, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(number))[:-1])
    return dict(zip(names.tolist(), rows, strict=True))


def set_distances(
    queries: Array,
    values: Array,
    quality: NDArray[np.floating],
    groups: Sequence[NDArray[np.int64]],
    method: str = DEFAULT,
) -> tuple[Array, NDArray[np.int64]]:
    """Q×N distances from Q×parts×dim queries to N sets of the S×parts×dim values, and Q×N rows of the nearest
    sequence in each set.

    best: the nearest sequence's distance. mean: the mean over the set's sequences. weighted: the distance to
    the set's mean embedding, weighted by quality (S; NaN counts as 0.5).
    """
    distances = part_distances(queries, values)
    found = np.empty((len(queries), len(groups)), np.float32)
    nearest = np.empty(found.shape, np.int64)
    for number, rows in enumerate(groups):
        own = distances[:, rows]
        least = own.argmin(1)
        nearest[:, number] = rows[least]
        found[:, number] = own.mean(1) if method == "mean" else own.min(1)
    if method == "weighted":
        weight = np.maximum(np.where(np.isfinite(quality), quality, _UNKNOWN_QUALITY), 1e-3)
        means = [np.average(values[rows], axis=0, weights=weight[rows]) for rows in groups]
        found = part_distances(queries, np.stack(means).astype(np.float32))
    return found, nearest
