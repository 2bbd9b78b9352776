"""Questions of whom the truth is known, counted: how far probabilities and thresholds hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.bootstrap import mean_interval
from .calibration import Calibration

__all__ = ["Tally", "calibration_error"]

BINS = 10  # of the probability that was said
_RESAMPLES = 1000
_SEED = 0
_TAIL = 0.025


class Tally:
    """Counts questions one after the other. fars: false-accept rates whose thresholds are tried."""

    def __init__(self, fars: Sequence[float]) -> None:
        self.fars = tuple(fars)
        self._said: list[float] = []
        self._nearest: list[bool] = []  # whether the best candidate is the walker
        self._stranger: list[bool] = []
        self._who: list[int] = []
        self._over: list[list[bool]] = []

    def ask(self, calibration: Calibration, scores: NDArray[np.floating], own: int, who: int) -> None:
        """One walker against a gallery. scores: N s-norm. own: the place of the walker's person among the N,
        −1 for a stranger. who: a number of that person's."""
        chances, _ = calibration.probabilities(scores, len(scores))
        best = int(chances.argmax())
        self._said.append(float(chances[best]))
        self._nearest.append(best == own)
        self._stranger.append(own < 0)
        self._who.append(who)
        self._over.append(
            [bool(scores[best] >= calibration.threshold(far, len(scores))) for far in self.fars]
        )

    def figures(self) -> dict[str, Any]:
        """cases. ece: expected calibration error of the best candidate's probability. reliability: for each
        bin of it what was said on average, how often it was right, cases. rank_1_of_known: share of the known
        for whom the right person is nearest. thresholds: for each false-accept rate that was `asked` for,
        `far`, strangers accepted, and `dir`, known people accepted as themselves (detection and
        identification rate at rank 1). Shares are [value, low, high] with a 95 % interval over people
        (bootstrap; of none or all the exact one, Clopper and Pearson, Biometrika 1934), None where nobody was
        asked."""
        said, nearest, stranger, who = map(np.array, (self._said, self._nearest, self._stranger, self._who))
        which = np.minimum((said * BINS).astype(int), BINS - 1)
        bins = [which == number for number in range(BINS)]
        over = np.array(self._over, bool)
        return {
            "cases": len(said),
            "ece": round(calibration_error(said, nearest), 4),
            "rank_1_of_known": _share(nearest, who, ~stranger),
            "reliability": [
                {
                    "said": round(float(said[own].mean()), 4),
                    "right": _share(nearest, who, own),
                    "cases": int(own.sum()),
                }
                for own in bins
                if own.any()
            ],
            "thresholds": [
                {
                    "asked": far,
                    "far": _share(over[:, place], who, stranger),
                    "dir": _share(over[:, place] & nearest, who, ~stranger),
                }
                for place, far in enumerate(self.fars)
            ],
        }


def _share(
    happened: NDArray[np.bool_], who: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> list[float] | None:
    if not chosen.any():
        return None
    values = happened[chosen].astype(float)
    low, high = mean_interval(values, who[chosen], _RESAMPLES, _SEED)
    if low == high and values.mean() in (0, 1):  # what never happened never does in a resample
        beyond = 1 - (_TAIL ** (1 / len(np.unique(who[chosen]))))
        low, high = (0.0, beyond) if low == 0 else (1 - beyond, 1.0)
    return [round(float(each), 4) for each in (values.mean(), low, high)]


def calibration_error(said: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error: over bins of the probability that was said, the mean gap to how often it
    was right, weighed by the number of cases (Naeini et al., AAAI 2015)."""
    which = np.minimum((said * bins).astype(int), bins - 1)
    gaps = [
        abs(float(said[which == k].mean() - right[which == k].mean())) * float((which == k).mean())
        for k in range(bins)
        if (which == k).any()
    ]
    return float(sum(gaps))
