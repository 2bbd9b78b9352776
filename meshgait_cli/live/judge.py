"""Quality, embedding and decision for everybody in view, beside the watching: a thread, one job at a time.

Somebody who has to be looked at without a gap cannot wait half a second for an embedding.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..gallery.calibration import filler
from ..gallery.decide import Answer, Probe, decide
from ..gallery.identify import probes_of
from ..gallery.sets import DEFAULT
from ..gallery.walkers import Walker
from ..people.quality import track_quality
from ..records import SilhouetteSequence, TrackQuality

if TYPE_CHECKING:
    from ..gallery.calibration import Calibration
    from ..gallery.known import Known
    from ..pipeline import Extractor

__all__ = ["Judge", "Judgement", "Sample"]

# Silhouettes that are embedded, the newest: as many of these as there are. Every new length costs memory that
# is kept (torch's compiled operators); with every length from 15 to 180 that was a gigabyte after an hour.
LENGTHS = (15, 20, 26, 34, 44, 58, 76, 100, 130)
_MORE = (
    0.15  # share by which the silhouettes must have grown in number, or been replaced, for a new embedding
)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Somebody to judge. rows: T rows of `results.spool.ROW`. arrived: when the newest of them did
    (`time.monotonic`)."""

    number: int
    rows: NDArray
    arrived: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """answer: None while the walk is no gait sample; then quality.reasons says why. silhouettes: what the
    answer is about. fresh: it was embedded anew."""

    number: int
    quality: TrackQuality
    answer: Answer | None
    silhouettes: SilhouetteSequence | None
    arrived: float
    fresh: bool = True


class Judge:
    """Judges samples against `known`. far, sets: as `decide` has them. Use as a context manager."""

    def __init__(self, known: Known, extractor: Extractor, far: float = 0.01, sets: str = DEFAULT) -> None:
        self._known, self._extractor = known, extractor
        self._far, self._sets = far, sets
        self._filler: NDArray[np.float32] | None = None
        self._calibration: Calibration | None = None
        self._probes: dict[int, Probe] = {}
        self._embedded: dict[int, NDArray[np.int64]] = {}
        self._jobs: SimpleQueue[list[Sample] | None] = SimpleQueue()
        self._done: SimpleQueue[list[Judgement] | BaseException] = SimpleQueue()
        self._busy = False
        self._thread = threading.Thread(target=self._work, name="judge", daemon=True)

    def __enter__(self) -> Judge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)

    @property
    def busy(self) -> bool:
        """Whether a job is under way whose result has not been taken."""
        return self._busy

    def submit(self, samples: Sequence[Sample], present: Sequence[int]) -> None:
        """Judge these, while `present` are those who are seen: the same people as far as anybody knows are
        never two of them. Only when not `busy`."""
        self._busy = True
        for number in set(self._probes) - set(present):
            del self._probes[number], self._embedded[number]
        self._jobs.put(list(samples))

    def results(self, timeout: float = 0.0) -> list[Judgement]:
        """What has been judged, waited for up to `timeout` seconds. Raises what the judging raised."""
        if not self._busy:
            return []
        try:
            found = self._done.get(timeout=timeout) if timeout else self._done.get_nowait()
        except Empty:
            return []
        self._busy = False
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self) -> None:
        while (samples := self._jobs.get()) is not None:
            try:
                self._done.put(self.judge(samples))
            except BaseException as error:  # whoever takes the results raises it
                self._done.put(error)

    def judge(self, samples: Sequence[Sample]) -> list[Judgement]:
        """The same, at once and in this thread."""
        qualities, sequences = {}, {}
        for sample in samples:
            qualities[sample.number], sequences[sample.number] = _assess(sample.rows)
        fresh = self._embed(samples, qualities, sequences)
        answers = self._answers([sample.number for sample in samples if sequences[sample.number] is not None])
        return [
            Judgement(
                sample.number,
                qualities[sample.number],
                answers.get(sample.number),
                sequences[sample.number],
                sample.arrived,
                sample.number in fresh,
            )
            for sample in samples
        ]

    def _embed(
        self,
        samples: Sequence[Sample],
        qualities: dict[int, TrackQuality],
        sequences: dict[int, SilhouetteSequence | None],
    ) -> set[int]:
        """Bring the probes of those up to date who have enough new silhouettes; returns their numbers."""
        fresh = set()
        for sample in samples:  # one by one: batches would be so many shapes more
            sequence = sequences[sample.number]
            if sequence is None or not self._is_new(sample.number, sequence.frames):
                continue
            (embedding,) = self._extractor.embedder.embed([sequence])
            walker = Walker(
                label=f"walker {sample.number}",
                embedding=replace(embedding, quality=qualities[sample.number].score),
                silhouettes=sequence,
                start_s=float(sample.rows["time"][0]),
                end_s=float(sample.rows["time"][-1]),
            )
            (self._probes[sample.number],) = probes_of([walker], self._extractor)
            self._embedded[sample.number] = sequence.frames
            fresh.add(sample.number)
        return fresh

    def _is_new(self, number: int, frames: NDArray[np.int64]) -> bool:
        had = self._embedded.get(number)
        if had is None:
            return True
        return len(np.setdiff1d(frames, had, assume_unique=True)) >= _MORE * len(had)

    def _answers(self, asked: list[int]) -> dict[int, Answer]:
        """All who are in view are decided about together, since no two of them are one person."""
        if not asked:
            return {}
        numbers = list(self._probes)
        probes = [self._probes[number] for number in numbers]
        gallery = self._known.near([probe.embedding for probe in probes])
        if self._filler is None:
            self._filler = filler(gallery.model_id, gallery.values.shape[1:])
            self._calibration = self._known.calibration(gallery.model_id)
        answers = decide(
            gallery,
            probes,
            self._calibration,
            self._filler,
            people=self._known.people,
            far=self._far,
            sets=self._sets,
            top_k=3,
        )
        return {number: answer for number, answer in zip(numbers, answers, strict=True) if number in asked}


def _assess(rows: NDArray) -> tuple[TrackQuality, SilhouetteSequence | None]:
    """How good a gait sample these rows are, and the newest silhouettes to embed if they are one."""
    assessment = track_quality(
        frames=rows["frame"],
        times=rows["time"],
        boxes=rows["box"],
        keypoints=rows["keypoints"],
        silhouettes=rows["silhouette"],
        valid=rows["valid"],
        cut=rows["cut"],
        complete=rows["complete"],
        overlap=rows["overlap"],
    )
    if not assessment.quality.usable:
        return assessment.quality, None
    which = np.flatnonzero(assessment.good)
    if len(which) < LENGTHS[0]:
        return assessment.quality, None
    good = rows[which[-max(length for length in LENGTHS if length <= len(which)) :]]
    return assessment.quality, SilhouetteSequence(
        silhouettes=np.ascontiguousarray(good["silhouette"]),
        frames=np.ascontiguousarray(good["frame"]),
        times=np.ascontiguousarray(good["time"]),
        transform=np.ascontiguousarray(good["transform"]),
    )
