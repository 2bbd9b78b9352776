"""Does a gallery's own calibration hold on people whom it was not fitted on?

A fifth of the people in turn: the curve and thresholds are fitted to the pairs of the others, then each walk
of the fifth asks twice, as a stranger to a gallery of everybody but its person, and as somebody known by
their other walks. The cohort is everybody but the two who are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GalleryError
from ..evaluation.bootstrap import verification_intervals
from ..evaluation.metrics import equal_error_rate, error_curve, tar_at_far
from .calibration import Asked, fit
from .tally import Tally

__all__ = ["FARS", "FOLDS", "heldout"]

FOLDS = 5
FARS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_TAR_FARS = (0.01, 0.001)
_RESAMPLES = 1000
_SEED = 0


def heldout(asked: Asked, model_id: str) -> dict[str, Any]:
    """eer, tar_at_far_…: of pairs, [value, low, high] with 95 % intervals over people; and what
    `Tally.figures` has of the questions, unless the people without one fifth tell nobody apart."""
    pairs = asked.pairs
    errors = error_curve(-pairs.genuine, -pairs.impostor)
    everyone = np.ones(asked.scores.shape, bool)
    eer, tars = verification_intervals(
        -asked.scores, asked.mine, everyone, asked.own, _TAR_FARS, _RESAMPLES, _SEED
    )
    found: dict[str, Any] = {"eer": _rounded(equal_error_rate(errors), eer)}
    for far, interval in zip(_TAR_FARS, tars, strict=True):
        found[f"tar_at_far_{far:g}"] = _rounded(tar_at_far(errors, far), interval)
    try:
        return found | _questions(asked, model_id).figures()
    except GalleryError:
        return found


def _questions(asked: Asked, model_id: str) -> Tally:
    tally = Tally(FARS)
    people = np.random.default_rng(_SEED).permutation(np.unique(asked.own))
    for fold in range(FOLDS):
        away = people[fold::FOLDS]
        curve = fit(asked.without(away).pairs, model_id, "gallery", least=1)
        for row in np.flatnonzero(np.isin(asked.own, away)).tolist():
            scores, own = asked.scores[row], int(asked.own[row])
            tally.ask(curve, scores, own, own)
            tally.ask(curve, np.delete(scores, own), -1, own)
    return tally


def _rounded(value: float, interval: tuple[float, float]) -> list[float]:
    return [round(each, 4) for each in (value, *interval)]
