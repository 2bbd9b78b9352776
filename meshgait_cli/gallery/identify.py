"""A query against a gallery: who is it, and how sure is that?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GalleryError, UsageError
from ..people.quality import MIN_SILHOUETTES
from ..records import SilhouetteSequence
from ..results.directory import Result
from ..video.sources import expand
from .calibration import Calibration, asked_of, filler, fit, shipped
from .decide import Answer, Probe, decide
from .heldout import heldout
from .known import check_question, open_known
from .normalise import cohort_of
from .search import Gallery
from .sets import DEFAULT, check_method
from .store import Store
from .walkers import Walker, kind_of, walkers_in

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Identification", "Refused", "calibrate", "identify", "probes_of"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A track of the query that is no gait sample, and why."""

    label: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """answers: one a usable walker. walkers: the same, with their silhouettes. gallery: what they were
    compared with (of a large store, the part that matters). people: how many are known. store: where they
    are; None when that is memory alone."""

    answers: tuple[Answer, ...]
    walkers: tuple[Walker, ...]
    refused: tuple[Refused, ...]
    gallery: Gallery
    people: int
    calibration: Calibration | None
    far: float
    store: Store | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "identities": self.people,
            "model": self.gallery.model_id,
            "calibrated": None if self.calibration is None else self.calibration.origin,
            "far": self.far,
            "walkers": [answer.to_dict() for answer in self.answers],
            "refused": [{"walker": each.label, "reasons": list(each.reasons)} for each in self.refused],
            "notes": list(self.notes),
        }


def identify(
    query: str | Path,
    gallery: Path,
    extractor: Extractor,
    out: Path,
    *,
    far: float = 0.01,
    sets: str = DEFAULT,
    normalise: str | None = None,
    top_k: int | None = None,
    passphrase: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> Identification:
    """Answer for every walker of `query` (a video is extracted below `out`), out of a gallery or a folder.

    far: share of strangers that may be accepted. sets: `sets.METHODS`. normalise: None or "camera".
    passphrase: of an encrypted gallery. announce: as `index_folder` has it. Raises UsageError for an option
    out of range, NoWalkerError when nobody in the query is usable, GalleryError when the gallery is empty,
    damaged or of another model.
    """
    check_question(far, sets)
    if normalise not in (None, "camera"):
        raise UsageError(f"unknown normalisation {normalise!r}: use camera")
    if kind_of(query) == "video":
        expand([str(query)])  # before the models are loaded: is it there?
    opened = open_known(gallery, extractor, passphrase=passphrase, progress=progress, announce=announce)
    store, people = opened.store, opened.people
    if store is not None and kind_of(query) != "embeddings":
        store.require_model(extractor.embedder.model_id)
    walkers = walkers_in(query, extractor, out, progress)
    known = opened.near([walker.embedding for walker in walkers])
    calibration = opened.calibration(known.model_id)
    notes = [*opened.notes, *opened.remarks(calibration, far, sets)]
    if normalise == "camera" and calibration is not None:
        notes.append(_camera_remark(known))
    answers = decide(
        known, probes_of(walkers, extractor), calibration, filler(known.model_id, known.values.shape[1:]),
        people=people, far=far, sets=sets, camera=normalise == "camera", top_k=top_k,
    )  # fmt: skip
    if store is not None:
        accepted = sorted({answer.identity for answer in answers if answer.identity is not None})
        store.audit.note("search", accepted, walkers=len(walkers))
    return Identification(
        tuple(answers),
        tuple(walkers),
        _refused(walkers),
        known,
        people,
        calibration,
        far,
        store,
        tuple(notes),
    )


def _camera_remark(known: Gallery) -> str:
    cameras = sorted({one.camera for one in known.sequences})
    said = ", ".join(camera or "unnamed" for camera in cameras)
    return (
        f"each camera's mean is subtracted (the query's; the gallery's: {said}), for which probabilities "
        "were not calibrated"
    )


def probes_of(walkers: Sequence[Walker], extractor: Extractor) -> list[Probe]:
    """What is decided about: each walk, and where it is long enough its two halves."""
    long = [
        number
        for number, walker in enumerate(walkers)
        if walker.silhouettes is not None and len(walker.silhouettes) >= 2 * MIN_SILHOUETTES
    ]
    parts: list[SilhouetteSequence] = []
    for number in long:
        whole = walkers[number].silhouettes
        assert whole is not None
        middle = len(whole) // 2
        parts += [SilhouetteSequence.from_arrays(part) for part in np.split(whole.silhouettes, [middle])]
    embedded = extractor.embedder.embed(parts) if parts else []
    halves = {number: (embedded[2 * place], embedded[2 * place + 1]) for place, number in enumerate(long)}
    return [
        Probe(walker.label, walker.embedding, halves.get(number), walker.start_s, walker.end_s)
        for number, walker in enumerate(walkers)
    ]


def _refused(walkers: Sequence[Walker]) -> tuple[Refused, ...]:
    folders = sorted({walker.result for walker in walkers if walker.result is not None})
    return tuple(
        Refused(f"track {track.id}", tuple(track.reasons))
        for folder in folders
        for track in Result(folder).tracks
        if not track.usable
    )


def calibrate(store: Store, sets: str = DEFAULT) -> Calibration:
    """Fit a gallery's calibration from its own pairs, measure it on people left out, and keep it there.

    Raises GalleryError, in words, when there are too few people with several sequences, or nothing to tell
    them apart by.
    """
    check_method(sets)
    sequences = store.sequences()
    model_id = store.model_id
    if not sequences or model_id is None:
        raise GalleryError(f"the gallery {store.place} is empty: `meshgait gallery enroll` puts people in")
    general = shipped(model_id)
    asked = asked_of(
        sequences, cohort_of(sequences, filler(model_id, sequences[0].embedding.values.shape)), sets
    )
    halves = None if general is None else general.halves
    fitted = fit(asked.pairs, model_id, "gallery", sets=sets, halves=halves)
    calibration = replace(fitted, measured=heldout(asked, model_id))
    calibration.write(store.place)
    store.audit.note("calibrate", people_with_pairs=calibration.people)
    return calibration
