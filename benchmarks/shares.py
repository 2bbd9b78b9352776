"""Of how many people the nearest walk is their own, with an interval over people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshgait_cli.distance import part_distances
from meshgait_cli.evaluation.bootstrap import mean_interval

RESAMPLES = 1000


def found(known: NDArray[np.float32], asked: NDArray[np.float32], first: int = 0) -> NDArray[np.float64]:
    """1 or 0 for each person asked: whether the nearest of those known is the one at their place, the first
    one's being `first`."""
    own = np.arange(first, first + len(asked))
    return (part_distances(asked, known).argmin(1) == own).astype(float)


def share(values: NDArray[np.float64], seed: int) -> list[float]:
    """Mean, and the ends of its 95 % interval; one value a person."""
    interval = mean_interval(values, np.arange(len(values)), RESAMPLES, seed)
    return [round(float(each), 4) for each in (values.mean(), *interval)]


def said(values: list[float]) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(*values)
