"""Points over time, made steady for the eye. Drawing only: an embedding never sees smoothed points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["smooth", "unbroken"]

SIGMA_S = 0.04  # seconds; a step lasts about half a second, and keeps nine tenths of its swing
_GAP_S = 0.35  # a longer pause between two frames starts afresh


def smooth(
    points: NDArray[np.float32], times: NDArray[np.float64], sigma_s: float = SIGMA_S
) -> NDArray[np.float32]:
    """A Gaussian mean over time, by true timestamps, never across a gap.

    points: T×P×3; times: T seconds, increasing (NaN: one thirtieth of a second a frame).
    """
    if len(points) == 0:
        return points
    if not np.isfinite(times).all():
        times = np.arange(len(points)) / 30.0
    out = np.empty_like(points)
    for some in unbroken(times):
        t = times[some]
        for i in range(len(t)):
            near = slice(*np.searchsorted(t, [t[i] - 3 * sigma_s, t[i] + 3 * sigma_s + 1e-9]))
            weight = np.exp(-0.5 * ((t[near] - t[i]) / sigma_s) ** 2)
            out[some.start + i] = np.tensordot(weight / weight.sum(), points[some][near], axes=1)
    return out


def unbroken(times: NDArray[np.float64]) -> list[slice]:
    """The parts of a walk between its gaps; all of it where a time is not known."""
    if not len(times) or not np.isfinite(times).all():
        return [slice(0, len(times))]
    starts = np.flatnonzero(np.diff(times, prepend=-np.inf) > _GAP_S)
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(times)], strict=True)]
