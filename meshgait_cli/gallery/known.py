"""An opened gallery, whichever kind it is: whom it holds, and what its distances are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import GalleryError, UsageError
from ..records import GaitEmbedding
from .calibration import Calibration, shipped
from .folder import index_folder
from .normalise import COHORT
from .place import is_remote
from .search import Gallery
from .sets import check_method
from .store import Store, is_store

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Known", "check_question", "open_known"]

_WHOLE = 20_000  # sequences up to which a gallery is compared as a whole, in memory
_NEAREST = 200  # sequences of a larger one whose people are compared
_SAMPLE = 200  # and people of it who make the cohort
_STAY = 0.75  # share of the people of a calibration who must still be there, where nobody fills up the cohort


@dataclass(frozen=True, eq=False)
class Known:
    """people: how many are known. store: where they are; None when that is memory alone. read: all of them,
    where they have been read already."""

    people: int
    store: Store | None
    read: Gallery | None = None
    notes: tuple[str, ...] = ()

    @property
    def far_away(self) -> bool:
        """Whether it is in object storage, and can be out of reach for a while."""
        return self.store is not None and is_remote(self.store.place.address)

    def load(self) -> None:
        """Read now what every question needs, not at the first one."""
        if self._small:
            self._whole  # noqa: B018

    def near(self, embeddings: Sequence[GaitEmbedding]) -> Gallery:
        """Everybody; of a very large store the people nearest to these walkers, and a sample for the cohort.

        Raises GalleryError for embeddings of another model or shape.
        """
        if self.store is None:
            return self._whole
        for embedding in embeddings:
            self.store.require_model(embedding.model_id)
            self.store.require_shape(embedding.values.shape)
        if self._small:
            return self._whole
        near = self.store.nearest(np.stack([each.values for each in embeddings]), _NEAREST)
        names = list(self.store.people())
        sample = frozenset(names[i] for i in np.linspace(0, len(names) - 1, _SAMPLE).round().astype(int))
        found = sample | {name for those in near for _, _, name in those}
        return Gallery(tuple(self.store.sequences(found)), sample)

    @cached_property
    def _small(self) -> bool:
        return self.store is None or self.read is not None or len(self.store) <= _WHOLE

    @cached_property
    def _whole(self) -> Gallery:
        if self.read is not None:
            return self.read
        assert self.store is not None
        return Gallery(tuple(self.store.sequences()))

    def calibration(self, model_id: str) -> Calibration | None:
        """The gallery's own, else the one that is shipped for the model, if any; None where too few people
        are left for the gallery's own, and no synthetic ones fill up."""
        own = None if self.store is None else Calibration.read(self.store.place)
        if own is None or own.model_id != model_id:
            return shipped(model_id)
        return None if shipped(model_id) is None and self._outlived(own) else own

    def _outlived(self, calibration: Calibration) -> bool:
        """Scores are in units of how the cohort lies: of much fewer people than it was fitted with, these are
        other units, and strangers are accepted."""
        return self.people < min(COHORT, _STAY * calibration.people)

    def remarks(self, calibration: Calibration | None, far: float, sets: str) -> list[str]:
        """What limits an answer, in words."""
        if calibration is None:
            return self._missing()
        found = []
        if calibration.origin == "synthetic":
            found.append(
                "probabilities come from synthetic walkers; `meshgait gallery calibrate` fits your own"
            )
        if not calibration.resolves(far, self.people):
            found.append(
                f"a false-accept rate of {far:g} among {self.people} people is finer than the "
                f"{calibration.impostor} pairs that it was calibrated on can tell: its threshold is an "
                "estimate"
            )
        if calibration.sets != sets:
            found.append(f"calibrated for --sets {calibration.sets}, not {sets}: probabilities are rough")
        return found

    def _missing(self) -> list[str]:
        own = None if self.store is None else Calibration.read(self.store.place)
        if own is None or not self._outlived(own):
            return []
        return [
            f"the gallery was calibrated with {own.people} people and holds {self.people}: that no longer "
            "fits; run `meshgait gallery calibrate` again"
        ]


def open_known(
    gallery: Path,
    extractor: Extractor,
    *,
    passphrase: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> Known:
    """Open a gallery, or bring that of a folder of known people up to date.

    passphrase: of an encrypted gallery. announce: as `index_folder` has it. Raises SourceNotFound where there
    is none, GalleryError when it is empty, damaged or of another model.
    """
    if not is_remote(gallery) and not is_store(gallery):
        indexed = index_folder(gallery, extractor, progress=progress, announce=announce)
        return Known(len(indexed.gallery.identities), indexed.store, indexed.gallery, indexed.notes)
    store = Store(gallery, passphrase)
    people = len(store.people())
    if not people:
        raise GalleryError(f"the gallery {store.place} is empty: `meshgait gallery enroll` puts people in")
    return Known(people, store)


def check_question(far: float, sets: str) -> None:
    """Raises UsageError for an option of the question that is out of range."""
    check_method(sets)
    if not 0 < far < 1:
        raise UsageError(f"a false-accept rate lies between 0 and 1, not at {far:g}")
