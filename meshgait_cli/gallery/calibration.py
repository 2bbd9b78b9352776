"""What a score is worth: the evidence that two walks are one person's, and how often strangers get that far.

A logistic curve through the s-norm scores of genuine and impostor pairs, the two kinds weighing alike, gives
the log-likelihood ratio of a pair as `bend`·score² + `slope`·score + `intercept`: one person's scores lie
much wider than two people's, so that evidence grows faster than the score. From it follow, by Bayes' rule
over everybody in the gallery and the possibility that it is none of them, the probabilities that `match`
prints. The threshold of a false-accept rate does not come from the curve but from how the impostors' scores
lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError
from ..words import from_json
from .normalise import Cohort, s_norm
from .place import Anywhere, place_at
from .private import as_json
from .sequence import GallerySequence
from .sets import DEFAULT, METHODS, groups_of, set_distances

__all__ = [
    "FILE",
    "MIN_PEOPLE",
    "Asked",
    "Calibration",
    "Pairs",
    "asked_of",
    "filler",
    "fit",
    "shipped",
]

FILE = "calibration.json"
MIN_PEOPLE = 10  # with two sequences or more; fewer pairs make no curve
_MOST_PROBES = 600
_TAIL = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_FEWEST = 10  # impostor pairs that must lie beyond a point of the tail
_BENT = 10.8  # likelihood ratio that a bend must be worth: of a straight curve one in a thousand has it
_KNOWN = 0.5  # prior that a walker is in the gallery at all
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """model_id: whose embeddings it is for. tail: (share of impostor pairs, score that they exceed), falling
    shares. halves: distance between two halves of one walk that hardly any exceeds; None where not measured.
    people, genuine, impostor: what it was made of. origin: "gallery" or "synthetic". measured: what it
    reached on people that it was not fitted on, where that was measured. Raises ValueError for what no fit
    gives."""

    model_id: str
    slope: float
    intercept: float
    tail: tuple[tuple[float, float], ...]
    people: int
    genuine: int
    impostor: int
    origin: str
    sets: str = "best"
    halves: float | None = None
    measured: dict[str, Any] | None = None
    bend: float = 0.0

    def __post_init__(self) -> None:
        shares, scores = zip(*self.tail, strict=True) if self.tail else ((), ())
        numbers = [
            self.bend,
            self.slope,
            self.intercept,
            *shares,
            *scores,
            *([] if self.halves is None else [self.halves]),
        ]
        if not all(map(math.isfinite, numbers)) or self.slope <= 0 or len(shares) < 2:
            raise ValueError("a calibration needs a rising curve and two points of the tail")
        if list(shares) != sorted(set(shares), reverse=True) or not 0 < shares[-1] <= shares[0] < 1:
            raise ValueError(f"{shares} are no falling shares")
        if not isinstance(self.people + self.genuine + self.impostor, int) or self.sets not in METHODS:
            raise ValueError("a calibration says of how many people and pairs, and how sets are compared")

    def evidence(self, scores: NDArray[np.floating]) -> Array:
        """Log-likelihood ratios, same person against another, of s-norm scores: level beyond a bent curve's
        turning point, for a higher score never tells less."""
        scores = np.asarray(scores, np.float64)
        if self.bend:
            turn = -self.slope / (2 * self.bend)
            scores = np.maximum(scores, turn) if self.bend > 0 else np.minimum(scores, turn)
        return self.bend * scores**2 + self.slope * scores + self.intercept

    def probabilities(self, scores: NDArray[np.floating], people: int) -> tuple[Array, float]:
        """Of each candidate (N s-norm scores of one walker), and of nobody in a gallery of `people`.

        Beforehand nobody is as probable as all of the gallery together. People who are not among the N are so
        far from the walker that they do not count.
        """
        share = math.log(_KNOWN / max(people, 1)) + self.evidence(scores)
        nobody = math.log(1 - _KNOWN)
        top = max(float(share.max(initial=-np.inf)), nobody)
        weights = np.exp(share - top)
        rest = math.exp(nobody - top)
        return weights / (weights.sum() + rest), float(rest / (weights.sum() + rest))

    def threshold(self, far: float, people: int) -> float:
        """The score that a stranger reaches with anybody in a gallery of `people` in at most a share `far` of
        all cases, the comparisons taken as independent. Beyond what the pairs can tell, the tail is prolonged
        as it falls."""
        each = -math.expm1(math.log1p(-far) / max(people, 1))
        shares = np.log([share for share, _ in self.tail])
        scores = np.array([score for _, score in self.tail])
        if math.log(each) >= shares[-1]:
            return float(np.interp(-math.log(each), -shares, scores))
        # Log-share is nearly a parabola in the score for a normal tail; a straight line falls more slowly, so
        # that the threshold comes out too high rather than too low.
        slope = (scores[-1] - scores[-2]) / (shares[-2] - shares[-1])
        return float(scores[-1] + slope * (shares[-1] - math.log(each)))

    def resolves(self, far: float, people: int) -> bool:
        """Whether the impostor pairs it was made of reach as far as this threshold."""
        return -math.expm1(math.log1p(-far) / max(people, 1)) >= self.tail[-1][0]

    def write(self, where: Anywhere) -> None:
        """Into a gallery's place."""
        place_at(where).write(FILE, as_json(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Calibration:
        """Raises ValueError, KeyError or TypeError for what is none."""
        return cls(**{**found, "tail": tuple((float(share), float(score)) for share, score in found["tail"])})

    @classmethod
    def read(cls, where: Anywhere) -> Calibration | None:
        """A gallery's own calibration; None when it has none. Raises GalleryError when it is damaged."""
        place = place_at(where)
        try:
            return cls.from_dict(from_json(place.read(FILE)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"{place}/{FILE} is damaged: run `meshgait gallery calibrate` again"
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Scores of pairs of one person, and of two. people: how many have two sequences or more."""

    genuine: Array
    impostor: Array
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """P walks against N people. scores: P×N s-norm; where the person is the walk's own, against their other
    walks. own: P, the place of that person among the N."""

    scores: Array
    own: NDArray[np.int64]

    @property
    def mine(self) -> NDArray[np.bool_]:
        """P×N: whether the person is the walk's own."""
        return self.own[:, None] == np.arange(self.scores.shape[1])[None]

    @property
    def pairs(self) -> Pairs:
        mine = self.mine
        return Pairs(self.scores[mine], self.scores[~mine], len(np.unique(self.own)))

    def without(self, people: NDArray[np.int64]) -> Asked:
        """As if they had not been there, but in the cohort."""
        stay = ~np.isin(np.arange(self.scores.shape[1]), people)
        rows = stay[self.own]
        return Asked(self.scores[rows][:, stay], (np.cumsum(stay) - 1)[self.own[rows]])


def asked_of(sequences: Sequence[GallerySequence], cohort: Cohort, sets: str = DEFAULT) -> Asked:
    """Every sequence of people with several as a probe: against the others of its person, and against every
    other person. Neither of the two counts in the cohort of their pair. Of more than 600 probes a spread is
    used.
    """
    groups = groups_of([one.identity for one in sequences])
    names = list(groups)
    values = np.stack([one.embedding.values for one in sequences])
    quality = np.array([one.embedding.quality for one in sequences], np.float32)
    probes = [
        (number, row) for number, name in enumerate(names) if len(groups[name]) > 1 for row in groups[name]
    ]
    if len(probes) > _MOST_PROBES:
        probes = [probes[i] for i in np.linspace(0, len(probes) - 1, _MOST_PROBES).round().astype(int)]
    if not probes:
        return Asked(np.empty((0, len(names))), np.empty(0, np.int64))
    own, rows = (np.array(each) for each in zip(*probes, strict=True))
    candidates = list(groups.values())
    distances, _ = set_distances(values[rows], values, quality, candidates, sets)
    to_cohort, _ = set_distances(values[rows], cohort.values, np.ones(len(cohort)), _alone(cohort))
    of_cohort, _ = set_distances(cohort.values, values, quality, candidates, sets)
    members = cohort.are(names)
    scores = s_norm(distances, to_cohort, of_cohort.T, members, members[own]).astype(np.float64)
    for place, (number, row) in enumerate(probes):
        others = [candidates[number][candidates[number] != row]]
        distance, _ = set_distances(values[row][None], values, quality, others, sets)
        reach, _ = set_distances(cohort.values, values, quality, others, sets)
        is_self = members[number][None]
        scores[place, number] = s_norm(distance, to_cohort[place][None], reach.T, is_self)[0, 0]
    return Asked(scores, own)


def _alone(cohort: Cohort) -> list[NDArray[np.int64]]:
    return [np.array([number]) for number in range(len(cohort))]


def fit(
    pairs: Pairs,
    model_id: str,
    origin: str,
    *,
    sets: str = DEFAULT,
    halves: float | None = None,
    measured: dict[str, Any] | None = None,
    least: int = MIN_PEOPLE,
) -> Calibration:
    """Raises GalleryError, in words, when it is of fewer than `least` people, or genuine pairs score no
    higher than others."""
    if pairs.people < least:
        raise GalleryError(
            f"calibrating needs {MIN_PEOPLE} people with two sequences or more each, here are "
            f"{pairs.people}: enrol more, or do with the shipped calibration"
        )
    straight, bent = _curve(pairs, 1), _curve(pairs, 2)
    fewest = min(len(pairs.genuine), len(pairs.impostor))
    even = 2 * fewest  # what pairs of two kinds that weigh alike amount to
    bends = bent[1] > 0 and 2 * even * (_surprise(pairs, straight) - _surprise(pairs, bent)) > _BENT
    intercept, slope, bend = bent if bends else straight
    if slope <= 0:
        raise GalleryError(
            "one person's sequences are no more alike than two people's: this model cannot tell them apart, "
            "and nothing can be calibrated"
        )
    tail = [
        (share, float(np.quantile(pairs.impostor, 1 - share)))
        for share in _TAIL
        if share * len(pairs.impostor) >= _FEWEST
    ]
    return Calibration(
        model_id, slope, intercept, tuple(tail), pairs.people, len(pairs.genuine), len(pairs.impostor),
        origin, sets, halves, measured, bend,
    )  # fmt: skip


def _curve(pairs: Pairs, degree: int) -> tuple[float, float, float]:
    """Intercept, slope and bend of a logistic curve in powers of the score; of degree 1 it has no bend."""
    from sklearn.linear_model import LogisticRegression

    scores = np.concatenate([pairs.genuine, pairs.impostor])[:, None]
    same = np.repeat([1, 0], [len(pairs.genuine), len(pairs.impostor)])
    powers = np.concatenate([scores**power for power in range(1, degree + 1)], axis=1)
    found = LogisticRegression(class_weight="balanced", C=10.0).fit(powers, same)
    rises = [*found.coef_[0].tolist(), 0.0]
    return float(found.intercept_[0]), rises[0], rises[1]


def _surprise(pairs: Pairs, curve: tuple[float, float, float]) -> float:
    """Mean log-loss of a pair, the two kinds weighing alike."""
    intercept, slope, bend = curve
    genuine, impostor = (bend * s**2 + slope * s + intercept for s in (pairs.genuine, pairs.impostor))
    return float(np.logaddexp(0, -genuine).mean() + np.logaddexp(0, impostor).mean()) / 2


def shipped(model_id: str) -> Calibration | None:
    """The calibration that comes with the shipped network, from synthetic walkers; None for another one."""
    text = files(__package__).joinpath("data", FILE).read_text(encoding="utf-8")
    found = from_json(text).get(model_id)
    return None if found is None else Calibration.from_dict(found)


def filler(model_id: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Embeddings of synthetic people, F×parts×dim, that fill up a small gallery's cohort; none (F = 0) for a
    network that is not the shipped one."""
    from safetensors import safe_open

    place = Path(str(files(__package__).joinpath("data", "cohort.safetensors")))
    with safe_open(place, framework="numpy") as file:
        if (file.metadata() or {}).get("model_id") != model_id:
            return np.empty((0, *shape), np.float32)
        return np.asarray(file.get_tensor("cohort"), np.float32)
