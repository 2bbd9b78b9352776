"""What a page shows of one answer: the decision, the probe beside its best candidates, and part by part where
they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..gallery.calibration import filler
from ..gallery.decide import ACCEPTED, UNKNOWN
from ..gallery.normalise import cohort_of
from ..records import HEIGHT, Match
from ..words import plain
from . import sprites
from .candidates import sequence_of, silhouettes_of
from .parts import PartAgreement, agreement, colour
from .people import Person, Walks

if TYPE_CHECKING:
    from ..gallery.decide import Answer
    from ..gallery.identify import Identification
    from ..gallery.sequence import GallerySequence

__all__ = ["AnswerView", "answer_views", "named_again"]

PICTURED = 3  # candidates that are shown walking
_BAR = 30.0  # units of the SVG that stand for the whole scale
_FULL = 3.0  # standard deviations
_MEANING = {
    "accepted": "The score passes the false-accept rate's threshold, and nobody else is nearly as probable.",
    "unknown": "No score passes the threshold, and that it is nobody in the gallery is the more probable.",
    "unclear": "Neither somebody nor nobody is sure enough, or the walk is too poor to judge.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One horizontal strip. y, height: in silhouette rows. bar: signed length, right is agreement."""

    number: int
    y: float
    height: float
    colour: str
    bar: float
    distance: float
    usual: float | None
    agreement: float | None


@dataclass(frozen=True, slots=True)
class CandidateView:
    """rank: from 1. walk, energy: "" where its silhouettes are not at hand. parts: the head first."""

    rank: int
    identity: str
    distance: float
    margin: float | None
    probability: float | None
    accepted: bool
    sequence: str
    walk: str
    energy: str
    mask: str
    parts: list[Part]
    known: bool
    best: str
    worst: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """number: from 1, of the walker and the answer."""

    number: int
    anchor: str
    label: str
    person: Person
    decision: str
    kind: str
    identity: str | None
    sentence: str
    meaning: str
    pace: str
    probability: float | None
    nobody: float | None
    candidates: list[CandidateView]
    pictured: list[CandidateView]


def answer_views(found: Identification, people: list[Person | None], walks: Walks) -> list[AnswerView]:
    """people: of each answer the person; an answer of nobody is left out."""
    maker = _Maker(found, walks)
    return [
        maker.view(number, answer, person)
        for number, (answer, person) in enumerate(zip(found.answers, people, strict=True))
        if person is not None
    ]


def named_again(view: AnswerView, answer: Answer) -> AnswerView:
    """The view of an answer in which people got other names."""
    candidates = [
        replace(candidate, identity=plain(match.identity), sequence=plain(match.sequence))
        for candidate, match in zip(view.candidates, answer.matches, strict=True)
    ]
    return replace(
        view,
        identity=None if answer.identity is None else plain(answer.identity),
        sentence=plain(answer.sentence),
        candidates=candidates,
        pictured=candidates[:PICTURED],
    )


class _Maker:
    """Draws every candidate once, though several walkers may be like the same person."""

    def __init__(self, found: Identification, walks: Walks) -> None:
        self.found, self.walks = found, walks
        gallery = found.gallery
        self.cohort = cohort_of(gallery.cohort_from, filler(gallery.model_id, gallery.values.shape[1:]))
        self.drawn: dict[int, tuple[str, str]] = {}

    def view(self, number: int, answer: Answer, person: Person) -> AnswerView:
        query = self.found.walkers[number].embedding.values
        views = [
            self.candidate(number, rank, match, query, rank <= PICTURED)
            for rank, match in enumerate(answer.matches, 1)
        ]
        kind = {ACCEPTED: "accepted", UNKNOWN: "unknown"}.get(answer.decision, "unclear")
        return AnswerView(
            number=number + 1,
            anchor=f"answer-{number + 1}",
            label=plain(answer.label),
            person=person,
            decision=answer.decision,
            kind=kind,
            identity=None if answer.identity is None else plain(answer.identity),
            sentence=plain(answer.sentence),
            meaning=_MEANING[kind],
            pace=_pace(person),
            probability=answer.probability,
            nobody=answer.nobody,
            candidates=views,
            pictured=views[:PICTURED],
        )

    def candidate(
        self, number: int, rank: int, match: Match, query: NDArray[np.float32], pictured: bool
    ) -> CandidateView:
        sequence = sequence_of(self.found, match) if pictured else None
        walk, energy = ("", "") if sequence is None else self.draw(sequence)
        parts = [] if sequence is None else self.parts(query, sequence)
        order = sorted(parts, key=lambda part: -(part.agreement or 0))
        known = bool(parts) and parts[0].agreement is not None
        return CandidateView(
            rank=rank,
            identity=plain(match.identity),
            distance=match.distance,
            margin=match.margin if np.isfinite(match.margin) else None,
            probability=match.probability,
            accepted=bool(match.accepted),
            sequence=plain(match.sequence),
            walk=walk,
            energy=energy,
            mask=f"body-{number + 1}-{rank}",
            parts=parts,
            known=known,
            best=_where(order[0]) if known else "",
            worst=_where(order[-1]) if known else "",
        )

    def draw(self, sequence: GallerySequence) -> tuple[str, str]:
        if id(sequence) not in self.drawn:
            shown = silhouettes_of(self.found, sequence)
            if shown is None or not len(shown):
                self.drawn[id(sequence)] = ("", "")
            else:
                key, _ = self.walks.add(shown)
                self.drawn[id(sequence)] = (key, sprites.data_uri(sprites.energy(shown.cropped)))
        return self.drawn[id(sequence)]

    def parts(self, query: NDArray[np.float32], sequence: GallerySequence) -> list[Part]:
        others = ~self.cohort.are([sequence.identity])[0]
        return _parts(agreement(query, sequence.embedding.values, self.cohort.values[others]))


def _parts(found: PartAgreement) -> list[Part]:
    count = len(found.distances)
    tall = HEIGHT / count
    known = bool(np.isfinite(found.usual).all())
    return [
        Part(
            number=number + 1,
            y=round(number * tall, 3),
            height=round(tall, 3),
            colour=colour(float(found.agreement[number])),
            bar=round(float(np.clip(found.agreement[number] / _FULL, -1, 1)) * _BAR, 2),
            distance=float(found.distances[number]),
            usual=float(found.usual[number]) if known else None,
            agreement=float(found.agreement[number]) if known else None,
        )
        for number in range(count)
    ]


def _pace(person: Person) -> str:
    if person.stretch is None:
        return ""
    if person.stretch.phase is None:
        return "steps cannot be told"
    return f"{person.stretch.cadence:.2f} steps a second"


def _where(part: Part) -> str:
    """Rows of a silhouette in words: it is as tall as the person, so its rows are heights."""
    middle = (part.y + part.height / 2) / HEIGHT
    for limit, name in (
        (0.13, "head"),
        (0.22, "neck and shoulders"),
        (0.42, "chest and arms"),
        (0.55, "hips"),
    ):
        if middle < limit:
            return name
    return "thighs" if middle < 0.72 else "lower legs" if middle < 0.92 else "feet"
