"""Whom the watch knows about just now, and what is said of each: from appearing to leaving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ..gallery.decide import UNCLEAR, Answer
from ..records import SilhouetteSequence, TrackQuality
from .events import EventLog
from .judge import Judgement, Sample
from .settle import Settling
from .walkers import GONE_S, LiveWalker

__all__ = ["People", "Person"]

_EVERY_S = 1.0  # between two judgements of one person
_EVERY_SETTLED_S = 3.0  # once it is settled who it is


@dataclass(slots=True)
class Person:
    """One walker in view. first_s, last_s: seconds since the watch began. quality, silhouettes: of the last
    judgement, and of the last one that found a gait sample."""

    number: int
    first_s: float
    last_s: float
    settling: Settling = field(default_factory=Settling)
    quality: TrackQuality | None = None
    silhouettes: SilhouetteSequence | None = None
    judged_s: float = -1e9
    reported: tuple[Any, ...] = ()

    @property
    def answer(self) -> Answer | None:
        return self.settling.answer

    @property
    def why(self) -> str:
        """Why nothing more can be said, in words; empty when something is."""
        if self.answer is not None:
            return "; ".join(self.answer.reasons)
        if self.quality is not None:
            return "; ".join(self.quality.reasons)
        return "just come"

    def facts(self) -> dict[str, Any]:
        """What the log says of the person; docs/watch.md explains it."""
        answer = self.answer
        return {
            "walker": self.number,
            "decision": UNCLEAR if answer is None else answer.decision,
            "identity": None if answer is None else answer.identity,
            "settled": self.settling.settled,
            "probability": None if answer is None else answer.probability,
            "probability_unknown": None if answer is None else answer.nobody,
            "reasons": self.why.split("; ") if self.why else [],
            "candidates": []
            if answer is None
            else [
                {"identity": each.identity, "distance": each.distance, "probability": each.probability}
                for each in answer.matches
            ],
            "silhouettes": 0 if self.silhouettes is None else len(self.silhouettes),
            "quality": None if self.quality is None else self.quality.score,
        }


class People:
    """Who is in view. Events go to `log`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.present: dict[int, Person] = {}
        self.seen = 0  # everybody so far
        self._gone: set[int] = set()

    def update(self, found: Iterable[LiveWalker], now_s: float) -> list[Person]:
        """Take in who is seen now; returns those who have left."""
        kept: set[int] = set()
        for walker in found:
            kept.add(walker.number)
            for number in walker.joined:
                other = self.present.pop(number, None)
                if other is not None:
                    self._log.write("joined", walker=number, into=walker.number)
                    self._inherit(walker.number, other)
            if walker.number in self._gone:
                continue
            person = self.present.get(walker.number)
            if person is None:
                if now_s - walker.last_s > GONE_S:
                    continue
                person = Person(walker.number, float(walker.rows["time"][0]), walker.last_s)
                self.present[walker.number] = person
                self.seen += 1
                self._log.write("appeared", walker=person.number, at_s=person.first_s)
            person.last_s = max(person.last_s, walker.last_s)
        self._gone &= kept  # numbers are never used again: what is out of memory need not be remembered
        left = [person for person in self.present.values() if now_s - person.last_s > GONE_S]
        for person in left:
            self.leave(person)
        return left

    def _inherit(self, number: int, other: Person) -> None:
        """The one who was there first keeps the number; what was found out of the other is theirs."""
        person = self.present.get(number)
        if person is None:
            self._gone.discard(number)
            self.present[number] = Person(
                number, other.first_s, other.last_s, other.settling, other.quality, other.silhouettes
            )

    def leave(self, person: Person) -> None:
        """Somebody has left, or the watch ends."""
        self.present.pop(person.number, None)
        self._gone.add(person.number)
        self._log.write("left", from_s=person.first_s, to_s=person.last_s, **person.facts())

    def due(self, found: Iterable[LiveWalker], arrived: float, all_of_them: bool = False) -> list[Sample]:
        """Whom to judge now. arrived: when the newest frame did."""
        samples = []
        for walker in found:
            person = self.present.get(walker.number)
            if person is None or walker.last_s <= person.judged_s:
                continue
            every = _EVERY_SETTLED_S if person.settling.settled else _EVERY_S
            if all_of_them or walker.last_s - person.judged_s >= every:
                person.judged_s = walker.last_s
                samples.append(Sample(walker.number, walker.rows, arrived))
        return samples

    def hear(self, judgements: Iterable[Judgement]) -> None:
        """Take in what the judge says, and report what is new."""
        for judgement in judgements:
            person = self.present.get(judgement.number)
            if person is None:
                continue
            person.quality = judgement.quality
            if judgement.answer is None:
                continue
            person.silhouettes = judgement.silhouettes
            person.settling.hear(judgement.answer, judgement.fresh)
            answer = person.answer
            assert answer is not None
            reported = (answer.decision, answer.identity, person.settling.settled)
            if reported != person.reported:
                person.reported = reported
                latency_s = monotonic() - judgement.arrived
                self._log.write("answer", latency_s=latency_s, at_s=person.last_s, **person.facts())
