"""95 % intervals by resampling people: sequences of one person are not independent, people are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .metrics import Errors, equal_error_rate, tar_at_far

__all__ = ["mean_interval", "verification_intervals"]

_BINS = 2000
_LEVELS = (2.5, 97.5)
Array = NDArray[np.float64]
Interval = tuple[float, float]


def _draws(people: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """resamples×people: how often each person is drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(people, np.full(people, 1 / people), size=resamples)


def _interval(values: Array) -> Interval:
    low, high = np.nanpercentile(values, _LEVELS)
    return float(low), float(high)


def mean_interval(values: Array, people: NDArray[np.int64], resamples: int, seed: int) -> Interval:
    """Of the mean of per-probe `values` (NaN: not asked). people: number of each probe's person."""
    asked = np.isfinite(values)
    _, number = np.unique(people[asked], return_inverse=True)
    count = np.bincount(number).astype(float)
    total = np.bincount(number, weights=values[asked])
    draws = _draws(len(count), resamples, seed)
    return _interval((draws @ total) / (draws @ count))


def verification_intervals(
    distances: NDArray[np.floating],
    same: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    people: NDArray[np.int64],
    fars: tuple[float, ...],
    resamples: int,
    seed: int,
) -> tuple[Interval, list[Interval]]:
    """Of the EER and of TAR at each of `fars`, people being resampled on the probes' side.

    Distances are counted into 2,000 quantile bins a person, so that a resample is a matrix product.
    """
    edges = np.unique(np.quantile(distances[allowed], np.linspace(0, 1, _BINS + 1)))
    bins = np.clip(np.searchsorted(edges, distances, side="left"), 0, len(edges) - 1)
    _, number = np.unique(people, return_inverse=True)
    counted = []
    for chosen in (same & allowed, ~same & allowed):
        rows, columns = np.nonzero(chosen)
        flat = number[rows] * len(edges) + bins[rows, columns]
        counted.append(np.bincount(flat, minlength=(number.max() + 1) * len(edges)).reshape(-1, len(edges)))
    rates = []
    for draw in _draws(len(counted[0]), resamples, seed):
        genuine, impostor = (np.cumsum(draw @ each) for each in counted)
        if not genuine[-1] or not impostor[-1]:
            continue
        accept = np.concatenate([[0.0], impostor / impostor[-1]])
        reject = np.concatenate([[1.0], 1 - genuine / genuine[-1]])
        errors = Errors(accept, reject)
        rates.append([equal_error_rate(errors), *(tar_at_far(errors, far) for far in fars)])
    eer, *tars = (_interval(column) for column in np.array(rates).T)
    return eer, tars
