"""Is it one of them? Accepted as somebody, unknown, or not enough to say; with a probability.

Accepted: the best candidate's score is above the threshold of the false-accept rate that was asked for, and
no other candidate comes near. Unknown: the threshold is missed, and it is more probable that the walker is
nobody in the gallery. Everything between, and every walk too poor or contradictory to judge, is not enough
to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..people.quality import MIN_SILHOUETTES
from ..records import GaitEmbedding, Match
from .calibration import Calibration
from .normalise import centre_cameras, cohort_of, s_norm
from .search import Gallery
from .sets import DEFAULT, set_distances

__all__ = ["ACCEPTED", "UNCLEAR", "UNKNOWN", "Answer", "Probe", "Scored", "decide", "scores_of"]

ACCEPTED, UNKNOWN, UNCLEAR = "accepted", "unknown", "not enough to say"
MIN_QUALITY = 0.2  # a person 32 pixels tall, seen for a gait cycle and a half, half of the time whole
_CLEAR = 0.5  # of what speaks for anybody in the gallery, the share that must speak for the one
_SURE = 0.5  # probability of nobody from which a walker is called unknown
_CANDIDATES = 50  # per walker, in the joint assignment


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One walker of a query. halves: embeddings of the first and second half of the walk, where it is long
    enough. start_s, end_s: when the walker was seen; NaN where unknown, and then nobody counts as seen
    together. faults: reasons why the walk cannot be judged, found before."""

    label: str
    embedding: GaitEmbedding
    halves: tuple[GaitEmbedding, GaitEmbedding] | None = None
    start_s: float = math.nan
    end_s: float = math.nan
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Q walkers against N identities, sorted by name. scores: Q×N s-norm. nearest: Q×N rows of the
    gallery."""

    distances: NDArray[np.float32]
    scores: NDArray[np.float32]
    nearest: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one walker. decision: ACCEPTED, UNKNOWN or UNCLEAR. identity: only when accepted.
    probability: of the best candidate; nobody: that it is none in the gallery; both None where nothing is
    calibrated. reasons: why, one sentence each. matches: candidates, best first."""

    label: str
    decision: str
    identity: str | None
    probability: float | None
    nobody: float | None
    reasons: tuple[str, ...]
    matches: tuple[Match, ...]

    @property
    def sentence(self) -> str:
        said = f"accepted as {self.identity}" if self.decision == ACCEPTED else self.decision
        return f"{said}: {'; '.join(self.reasons)}" if self.reasons else said

    def to_dict(self) -> dict[str, Any]:
        return {
            "walker": self.label,
            "decision": self.decision,
            "identity": self.identity,
            "probability": self.probability,
            "probability_unknown": self.nobody,
            "reasons": list(self.reasons),
            "matches": [
                {
                    "identity": match.identity,
                    "distance": round(match.distance, 5),
                    "margin": round(match.margin, 5),
                    "probability": match.probability,
                    "accepted": match.accepted,
                    "sequence": match.sequence,
                    **match.extra,
                }
                for match in self.matches
            ],
        }


def scores_of(
    gallery: Gallery,
    queries: NDArray[np.float32],
    filler: NDArray[np.float32],
    *,
    sets: str = DEFAULT,
    camera: bool = False,
) -> Scored:
    """Q×parts×dim queries against everybody. filler: F×parts×dim of synthetic people for a small gallery's
    cohort. camera: subtract each camera's mean first (raises UsageError with too few people for that)."""
    cohort = cohort_of(gallery.cohort_from, filler)
    values, members = gallery.values, cohort.values
    if camera:
        values, queries, members = centre_cameras(gallery, queries, members)
    groups = list(gallery.groups.values())
    distances, nearest = set_distances(queries, values, gallery.quality, groups, sets)
    if len(cohort) < 2:
        return Scored(distances, np.full(distances.shape, np.nan, np.float32), nearest)
    alone = [np.array([number]) for number in range(len(cohort))]
    to_cohort, _ = set_distances(queries, members, np.ones(len(cohort)), alone)
    of_cohort, _ = set_distances(members, values, gallery.quality, groups, sets)
    scores = s_norm(distances, to_cohort, of_cohort.T, cohort.are(gallery.identities))
    return Scored(distances, scores, nearest)


def decide(
    gallery: Gallery,
    probes: Sequence[Probe],
    calibration: Calibration | None,
    filler: NDArray[np.float32],
    *,
    people: int | None = None,
    far: float = 0.01,
    sets: str = DEFAULT,
    camera: bool = False,
    top_k: int | None = None,
) -> list[Answer]:
    """One answer a walker. people: in the whole gallery, of which `gallery` may be the nearest part.

    far: share of strangers that may be accepted as anybody. Walkers who are seen at the same time are never
    the same person. Raises GalleryError when a probe is of another model, UsageError for `camera` with few
    people.
    """
    if not probes:
        return []
    for probe in probes:
        gallery.require_model(probe.embedding)
    queries = np.stack([probe.embedding.values for probe in probes])
    scored = scores_of(gallery, queries, filler, sets=sets, camera=camera)
    size = people or len(gallery.identities)
    taken: list[dict[int, str]] = [{} for _ in probes]
    if calibration is not None and np.isfinite(scored.scores).all():
        taken = _taken(probes, scored, calibration, size)

    def answer(row: int) -> Answer:
        return _answer(gallery, probes[row], scored, row, taken[row], calibration, size, far, top_k)

    answers = [answer(row) for row in range(len(probes))]
    while (clash := _clash(gallery, probes, answers, scored)) is not None:
        number, winner, loser = clash
        taken[loser][number] = probes[winner].label
        answers[loser] = answer(loser)
    return answers


def _clash(
    gallery: Gallery, probes: Sequence[Probe], answers: Sequence[Answer], scored: Scored
) -> tuple[int, int, int] | None:
    """An identity's number, and two walkers seen at the same time who are both accepted as it, the likelier
    first: where "nobody" is a little more probable for each, the assignment leaves it to neither, and each
    may still pass the threshold alone."""
    accepted = [row for row, answer in enumerate(answers) if answer.identity is not None]
    for place, one in enumerate(accepted):
        for two in accepted[place + 1 :]:
            if answers[one].identity == answers[two].identity and _together(probes[one], probes[two]):
                number = gallery.identities.index(str(answers[one].identity))
                winner, loser = sorted((one, two), key=lambda row: -scored.scores[row, number])
                return number, winner, loser
    return None


def _answer(
    gallery: Gallery,
    probe: Probe,
    scored: Scored,
    row: int,
    taken: dict[int, str],
    calibration: Calibration | None,
    size: int,
    far: float,
    top_k: int | None,
) -> Answer:
    """taken: candidates that another walker, seen at the same time, is instead, and that walker's label."""
    distances, scores = scored.distances[row], scored.scores[row]
    reasons = [*probe.faults, *_faults(probe, calibration)]
    names = gallery.identities
    if calibration is None or not np.isfinite(scores).all():  # no cohort, no score
        order = np.argsort(distances, kind="stable")
        matches = _matches(gallery, scored, row, order, None, None)
        said = (*reasons, "distances of this model are not calibrated: `meshgait gallery calibrate` does it")
        return Answer(probe.label, UNCLEAR, None, None, None, said, tuple(matches[:top_k]))
    free = np.array([number not in taken for number in range(len(names))])
    chances = np.zeros(len(names))
    chances[free], nobody = calibration.probabilities(scores[free], size)
    order = np.lexsort((distances, -chances))
    best = int(order[0])
    passed = bool(free[best] and scores[best] >= calibration.threshold(far, size))
    clear = chances[best] >= _CLEAR * (1 - nobody)
    decision, identity = UNCLEAR, None
    if reasons:
        pass
    elif passed and clear:
        decision, identity = ACCEPTED, names[best]
    elif passed:
        second = names[int(order[1])]
        reasons.append(f"{names[best]} or {second}, which of them is not clear")
    elif nobody >= _SURE:
        decision = UNKNOWN
    else:
        reasons.append(f"most like {names[best]}, but too little for a false-accept rate of {far:g}")
    for number, other in taken.items():
        if scores[number] >= scores[best]:
            reasons.append(f"{names[number]} is {other}, seen at the same time")
    matches = _matches(gallery, scored, row, order, chances, best if decision == ACCEPTED else None)
    return Answer(
        probe.label, decision, identity, float(chances[best]), nobody, tuple(reasons), tuple(matches[:top_k])
    )


def _faults(probe: Probe, calibration: Calibration | None) -> list[str]:
    """Why a walk is too poor, or too contradictory, to judge."""
    embedding, found = probe.embedding, []
    if not embedding.trained:
        found.append("the network is untrained, its embeddings carry no identity")
    if embedding.frames < MIN_SILHOUETTES:
        found.append(f"only {embedding.frames} silhouettes, {MIN_SILHOUETTES} needed")
    if embedding.quality < MIN_QUALITY:  # NaN, unknown, is not less
        found.append(f"the walk is too short, small or often cut off (quality {embedding.quality:.2f})")
    if probe.halves is not None and calibration is not None and calibration.halves is not None:
        first, second = (half.values for half in probe.halves)
        apart = float(np.linalg.norm(first - second, axis=1).mean())
        if apart > calibration.halves:
            found.append(
                f"the two halves of the track differ ({apart:.2f}, one person's up to "
                f"{calibration.halves:.2f}): perhaps two people, or one from very different sides"
            )
    return found


def _matches(
    gallery: Gallery,
    scored: Scored,
    row: int,
    order: NDArray[np.int64],
    chances: NDArray[np.float64] | None,
    accepted: int | None,
) -> list[Match]:
    distances = scored.distances[row][order].astype(float)
    gaps = [*np.diff(distances).tolist(), float("nan")]
    found = []
    for place, number in enumerate(order):
        sequence = gallery.sequences[scored.nearest[row, number]]
        match = Match(
            identity=gallery.identities[number],
            distance=float(distances[place]),
            margin=gaps[place],
            sequence=sequence.name,
            extra={"sequence_id": sequence.id} if sequence.id else {},
        )
        if chances is not None:
            match = replace(match, probability=float(chances[number]), accepted=int(number) == accepted)
        found.append(match)
    return found


def _together(one: Probe, two: Probe) -> bool:
    return max(one.start_s, two.start_s) <= min(one.end_s, two.end_s)  # NaN: False


def _taken(
    probes: Sequence[Probe], scored: Scored, calibration: Calibration, size: int
) -> list[dict[int, str]]:
    """For each walker the candidates that somebody seen at the same time has a better claim to: the
    assignment of all walkers to people, or to nobody, that is most probable as a whole. It is linear
    programming with whole numbers, not the Hungarian method, since only those who are seen together exclude
    each other."""
    pairs = [
        (one, two)
        for one in range(len(probes))
        for two in range(one + 1, len(probes))
        if _together(probes[one], probes[two])
    ]
    taken: list[dict[int, str]] = [{} for _ in probes]
    if not pairs:
        return taken
    chosen = _assign(scored.scores, pairs, calibration, size)
    for one, two in pairs:
        for here, there in ((one, two), (two, one)):
            if chosen[there] is not None:
                taken[here][chosen[there]] = probes[there].label
    return taken


def _assign(
    scores: NDArray[np.float32], pairs: list[tuple[int, int]], calibration: Calibration, size: int
) -> list[Any]:
    """Each walker's identity number, or None for nobody."""
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import lil_matrix

    options: list[tuple[int, int]] = []  # walker, identity; −1 for nobody
    gains: list[float] = []
    for walker, row in enumerate(scores):
        chances, nobody = calibration.probabilities(row, size)
        for number in np.argsort(-chances, kind="stable")[:_CANDIDATES].tolist():
            options.append((walker, number))
            gains.append(math.log(max(chances[number], 1e-12)))
        options.append((walker, -1))
        gains.append(math.log(max(nobody, 1e-12)))
    place = {option: column for column, option in enumerate(options)}
    clashes = [
        (place[one, number], place[two, number])
        for one, two in pairs
        for number in range(scores.shape[1])
        if (one, number) in place and (two, number) in place
    ]
    once = lil_matrix((len(scores), len(options)))
    for column, (walker, _) in enumerate(options):
        once[walker, column] = 1
    constraints = [LinearConstraint(once.tocsr(), 1, 1)]
    if clashes:
        apart = lil_matrix((len(clashes), len(options)))
        for line, columns in enumerate(clashes):
            apart[line, list(columns)] = 1
        constraints.append(LinearConstraint(apart.tocsr(), -np.inf, 1))
    done = milp(-np.array(gains), constraints=constraints, integrality=np.ones(len(options)), bounds=(0, 1))
    chosen: list[Any] = [None] * len(scores)
    for column in np.flatnonzero(done.x > 0.5).tolist():
        walker, number = options[column]
        chosen[walker] = number if number >= 0 else None
    return chosen
