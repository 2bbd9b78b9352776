"""How well embeddings tell people apart, by a protocol, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..distance import part_distances
from ..errors import UsageError
from ..gallery.normalise import MIN_PEOPLE
from .bootstrap import mean_interval, verification_intervals
from .metrics import Errors, Retrieval, equal_error_rate, error_curve, retrieve, tar_at_far
from .protocols import Labels, Question

__all__ = ["FARS", "RANKS", "Figure", "Figures", "centred", "judge"]

RANKS = (1, 5, 10)
FARS = (1e-2, 1e-3)
_CMC = 20
_DET = 100
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share, 0-1, and its 95 % interval over people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """One question's answer. probes: that had somebody to find. values: rank-1, …, mAP, mINP, EER, TAR@….
    cmc: rank-1 to rank-20. det: (false accept, false reject) points."""

    condition: str
    probes: int
    unasked: int
    people: int
    gallery: int
    values: dict[str, Figure]
    cmc: list[float]
    det: list[tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        values = {name: [each.value, each.low, each.high] for name, each in self.values.items()}
        return {
            "condition": self.condition,
            "probes": self.probes,
            "unasked": self.unasked,
            "people": self.people,
            "gallery": self.gallery,
            "values": values,
            "cmc": self.cmc,
            "det": self.det,
        }


def judge(
    embeddings: NDArray[np.float32],
    labels: Labels,
    question: Question,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Figures:
    """N×parts×dim embeddings against a question. Raises UsageError when no probe has anybody to find, or
    nobody to be confused with."""
    probes, gallery = np.flatnonzero(question.probe), np.flatnonzero(question.gallery)
    distances = part_distances(embeddings[probes], embeddings[gallery])
    who, view = labels.identity, labels.view
    same = who[probes][:, None] == who[gallery][None]
    allowed = probes[:, None] != gallery[None]
    if question.other_view:
        allowed &= view[probes][:, None] != view[gallery][None]
    if not (same & allowed).any():
        raise UsageError(f"{question.name}: no probe has another sequence of its person to find")
    if not (~same & allowed).any():
        raise UsageError(
            f"{question.name}: there is only one person, so there is nobody to confuse them with"
        )
    groups = [allowed]
    if question.by_view:
        groups = [allowed & (view[gallery] == one)[None] for one in np.unique(view[gallery])]
    found = [retrieve(distances, same, group) for group in groups]
    _, people = np.unique(who[probes], return_inverse=True)
    values: dict[str, Figure] = {}
    for name, per_probe in _retrieval_values(found).items():
        values[name] = Figure(
            float(np.nanmean(per_probe)), *mean_interval(per_probe, people, resamples, seed)
        )
    errors = error_curve(distances[same & allowed].astype(float), distances[~same & allowed].astype(float))
    eer, tars = verification_intervals(distances, same, allowed, people, FARS, resamples, seed)
    values["EER"] = Figure(equal_error_rate(errors), *eer)
    for far, interval in zip(FARS, tars, strict=True):
        values[f"TAR@{far:g}"] = Figure(tar_at_far(errors, far), *interval)
    asked = np.any([each.asked for each in found], axis=0)
    return Figures(
        condition=question.name,
        probes=int(asked.sum()),
        unasked=int((~asked).sum()),
        people=len(np.unique(people[asked])),
        gallery=len(gallery),
        values=values,
        cmc=[
            round(float(np.nanmean(_mean([each.within(k) for each in found]))), 4) for k in range(1, _CMC + 1)
        ],
        det=_thinned(errors),
    )


def _retrieval_values(found: list[Retrieval]) -> dict[str, Array]:
    """Per probe, the mean over the gallery's views where these are asked one by one."""
    values = {f"rank-{k}": _mean([each.within(k) for each in found]) for k in RANKS}
    return values | {"mAP": _mean([each.ap for each in found]), "mINP": _mean([each.inp for each in found])}


def _mean(rows: list[Array]) -> Array:
    """The mean of each column, NaN left out; NaN where there is nothing else."""
    table = np.stack(rows)
    known = np.isfinite(table)
    total = np.where(known, table, 0).sum(0)
    return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)


def _thinned(errors: Errors) -> list[tuple[float, float]]:
    rows = np.unique(np.linspace(0, len(errors.false_accept) - 1, _DET).round().astype(int))
    return [(round(float(errors.false_accept[r]), 5), round(float(errors.false_reject[r]), 5)) for r in rows]


def centred(
    embeddings: NDArray[np.float32], labels: Labels, question: Question, camera: str
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Embeddings less their camera's mean, the probes' and the gallery's each by themselves, no label of a
    person being used. camera: "view" or "type", which label says it.

    Returns also, for each camera, how many people its mean was made of; a camera that saw fewer than
    MIN_PEOPLE people keeps its embeddings (a mean of few is them, not the camera).
    """
    cameras = getattr(labels, camera)
    out, made_of = embeddings.copy(), {}
    sides = [("gallery", question.gallery)]
    if not (question.probe <= question.gallery).all():
        sides.insert(0, ("probe", question.probe))
    for side, rows in sides:
        for one in np.unique(cameras[rows]):
            chosen = rows & (cameras == one)
            people = len(np.unique(labels.identity[chosen]))
            made_of[f"{side} {one}".strip()] = people
            if people >= MIN_PEOPLE:
                out[chosen] = embeddings[chosen] - embeddings[chosen].mean(0)
    return out, made_of
