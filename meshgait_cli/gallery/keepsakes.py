"""What the embeddings of a gallery were made of: one file of silhouettes a sequence."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import DAMAGED_ARRAYS, GalleryError
from ..records import SilhouetteSequence
from .place import Anywhere, place_at
from .seal import Seal

__all__ = ["Keepsakes", "unpacked"]

_PURPOSE = "silhouettes"


def unpacked(content: bytes) -> SilhouetteSequence:
    """From a file of `silhouettes` (T×64×64 uint8) and `times`. Raises ValueError when it is none."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found, times = arrays["silhouettes"], arrays["times"].astype(np.float64)
            if not len(found):
                raise ValueError("there are none in it")
    except DAMAGED_ARRAYS as error:
        raise ValueError("it holds no silhouettes") from error
    return replace(SilhouetteSequence.from_arrays(found), times=times)


class Keepsakes:
    """ID.npz in a place of their own, or ID.box where there is a seal."""

    def __init__(self, where: Anywhere, seal: Seal | None = None) -> None:
        self._place, self._seal = place_at(where), seal

    def held(self, sequence_ids: Iterable[str]) -> set[str]:
        """Those of the sequences whose silhouettes were kept."""
        names = {self._name(sequence_id): sequence_id for sequence_id in sequence_ids}
        return {names[name] for name in self._place.which(names)}

    def keep(self, sequence_id: str, sequence: SilhouetteSequence) -> None:
        packed = io.BytesIO()
        np.savez_compressed(packed, silhouettes=sequence.silhouettes, times=sequence.times)
        content = packed.getvalue()
        if self._seal is not None:
            content = self._seal.close(_PURPOSE, content, sequence_id)
        self._place.made()
        self._place.write(self._name(sequence_id), content, durable=False)

    def read(self, sequence_id: str) -> SilhouetteSequence | None:
        """None when they were not kept. Raises GalleryError when they are damaged."""
        name = self._name(sequence_id)
        try:
            content = self._place.read(name)
            if self._seal is not None:
                content = self._seal.open(_PURPOSE, content, PurePosixPath(name).stem)
            return unpacked(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise GalleryError(f"{self._place}/{name} is damaged: {error}") from error

    def drop(self, sequence_ids: Iterable[str]) -> None:
        """Delete those of these sequences."""
        self._place.delete([self._name(sequence_id) for sequence_id in sequence_ids])

    def prune(self, kept: Collection[str]) -> None:
        """Delete those of all other sequences, and what a killed process has left."""
        wanted = {self._name(sequence_id) for sequence_id in kept}
        self._place.delete([name for name in self._place.sizes() if name not in wanted])

    def _name(self, sequence_id: str) -> str:
        """An id is a name, never a way out of the folder."""
        return Path(sequence_id).name + (".npz" if self._seal is None else ".box")
