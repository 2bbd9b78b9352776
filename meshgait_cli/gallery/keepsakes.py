"""What the embeddings of a gallery were made of: one file of silhouettes a sequence."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import GalleryError
from ..records import SilhouetteSequence
from .private import make_folder, owner_only
from .seal import Seal

__all__ = ["Keepsakes"]

_PURPOSE = "silhouettes"


class Keepsakes:
    """FOLDER/ID.npz, or ID.box where there is a seal."""

    def __init__(self, folder: Path, seal: Seal | None = None) -> None:
        self.folder, self._seal = folder, seal

    def __contains__(self, sequence_id: str) -> bool:
        return self._path(sequence_id).exists()

    def keep(self, sequence_id: str, sequence: SilhouetteSequence) -> None:
        packed = io.BytesIO()
        np.savez_compressed(packed, silhouettes=sequence.silhouettes, times=sequence.times)
        content = packed.getvalue()
        if self._seal is not None:
            content = self._seal.close(_PURPOSE, content, sequence_id)
        with owner_only():
            make_folder(self.folder)
            path = self._path(sequence_id)
            aside = path.with_suffix(".tmp")
            aside.write_bytes(content)
            os.replace(aside, path)

    def read(self, sequence_id: str) -> SilhouetteSequence | None:
        """None when they were not kept. Raises GalleryError when they are damaged."""
        path = self._path(sequence_id)
        try:
            content = path.read_bytes()
            if self._seal is not None:
                content = self._seal.open(_PURPOSE, content, path.stem)
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                found, times = arrays["silhouettes"], arrays["times"]
        except FileNotFoundError:
            return None
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise GalleryError(f"{path} is damaged: {error}") from error
        return replace(SilhouetteSequence.from_arrays(found, sequence_id), times=times)

    def prune(self, kept: Collection[str]) -> None:
        """Delete those of all other sequences, and what a killed process has left."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.stem not in kept or path.suffix != self._suffix:
                path.unlink()

    @property
    def _suffix(self) -> str:
        return ".npz" if self._seal is None else ".box"

    def _path(self, sequence_id: str) -> Path:
        """An id is a name, never a way out of the folder."""
        return self.folder / f"{Path(sequence_id).name}{self._suffix}"
