"""SMPL labels on disk: a tree beside that of the silhouettes, one T×85 array a sequence."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..atomic import aside
from ..body import smpl
from ..datasets.pickles import read_arrays
from ..datasets.silhouettes import Place
from ..errors import BodyError, MeshgaitError, SilhouetteError, SourceNotFound
from .smpl_bodies import LABEL, SmplBodies

__all__ = ["SmplLabels", "SmplTruth", "read_labels"]

_SUFFIXES = (".pkl", ".npz", ".npy")
_RULE = "1"  # of how bodies are placed: what was kept by another rule is made anew


@dataclass(frozen=True, slots=True)
class SmplTruth:
    """A sequence's joints and markers: T×88×3 in silhouette units, when called. silhouettes, labels: the
    files; kept: where the truth lies once it has been made."""

    silhouettes: Path
    labels: Path
    kept: Path

    def __call__(self) -> NDArray[np.float32]:
        return np.load(self.kept, allow_pickle=False).astype(np.float32)

    @property
    def fresh(self) -> bool:
        """Whether it was made, and from the files as they are now."""
        try:
            made = self.kept.stat().st_mtime_ns
            return made >= max(self.labels.stat().st_mtime_ns, self.silhouettes.stat().st_mtime_ns)
        except OSError:
            return False


class SmplLabels:
    """The labels below `root` of silhouettes below `data`; what is made of them is kept in `folder`.

    Raises SourceNotFound when there is no such tree, BodyError when the SMPL file cannot be read.
    """

    def __init__(self, data: Path, root: Path, smpl_path: Path, folder: Path) -> None:
        if not root.is_dir():
            raise SourceNotFound(f"there is no folder {root} of SMPL labels")
        self.data, self.root, self.path = data, root, smpl_path
        self.body = smpl.load(smpl_path)
        digest = hashlib.sha256(smpl_path.read_bytes() + _RULE.encode()).hexdigest()[:12]
        self.folder = folder / digest

    def of(self, place: Place) -> SmplTruth | None:
        """The truth of one sequence, or None where it has no labels. BodyError when it has several."""
        if place.path == self.data:
            return None
        relative = place.path.relative_to(self.data)
        stem = relative if place.path.is_dir() else relative.with_suffix("")
        found = self._file(stem, deep=len(relative.parts) > 3)
        if found is None:
            return None
        return SmplTruth(place.path, found, self.folder / stem.parent / f"{stem.name}.npy")

    def _file(self, stem: Path, deep: bool) -> Path | None:
        """The file of the same name, or the only one in the folder of the view."""
        for suffix in _SUFFIXES:
            path = self.root / stem.parent / (stem.name + suffix)
            if path.is_file():
                return path
        for folder in (self.root / stem, *([self.root / stem.parent] if deep else [])):
            inside = sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES)
            if len(inside) > 1:
                raise BodyError(
                    f"{folder} holds {len(inside)} files of SMPL labels: name them as silhouettes"
                )
            if inside:
                return inside[0]
        return None

    def prepare(
        self,
        truths: Sequence[SmplTruth],
        frames: Callable[[SmplTruth], int],
        device: torch.device | str = "cpu",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Make and keep the truth of sequences whose truth is not there yet.

        frames: how many silhouettes a sequence has. Raises BodyError, naming the sequence, for labels that
        are none, or are not as many as silhouettes.
        """
        bodies = SmplBodies(self.body, device)
        for number, truth in enumerate(truths):
            if progress is not None:
                progress(number, len(truths))
            if truth.fresh:
                continue
            labels, count = read_labels(truth.labels), frames(truth)
            if len(labels) != count:
                raise BodyError(
                    f"{truth.labels} has {len(labels)} frames and {truth.silhouettes} {count} "
                    "that are not empty: give a label for each silhouette, or remove the labels"
                )
            try:
                points = bodies(labels)
            except BodyError as error:
                raise BodyError(f"{truth.labels}: {error}") from error
            try:
                with aside(truth.kept) as temporary:
                    np.save(temporary, points.astype(np.float16))
            except OSError as error:
                raise MeshgaitError(f"cannot write {truth.kept}: {error.strerror or error}") from error


def read_labels(path: Path) -> NDArray[np.float32]:
    """T×85 of a .pkl (read without running code), .npz or .npy. Raises BodyError for anything else."""
    try:
        arrays = _arrays(path)
    except SilhouetteError as error:
        raise BodyError(str(error)) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise BodyError(f"{path} is no array of SMPL labels, or is damaged: {said}") from error
    if len(arrays) > 1 and all(array.size == LABEL for array in arrays):  # a list of frames
        arrays = [np.stack([array.reshape(LABEL) for array in arrays])]
    if len(arrays) != 1 or not np.issubdtype(arrays[0].dtype, np.number):
        raise BodyError(f"{path} holds {len(arrays)} arrays: SMPL labels are one of T×{LABEL} numbers")
    (array,) = arrays
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 2 or array.shape[1] != LABEL or not len(array):
        raise BodyError(f"{path}: SMPL labels are T×{LABEL} (camera 3, pose 72, betas 10), not {array.shape}")
    labels = array.astype(np.float32)
    if not np.isfinite(labels).all():
        raise BodyError(f"{path}: SMPL labels must be finite")
    return labels


def _arrays(path: Path) -> list[NDArray]:
    suffix = path.suffix.lower()
    if suffix == ".pkl":
        return read_arrays(path)
    if suffix == ".npy":
        return [np.load(path, allow_pickle=False)]
    with np.load(path, allow_pickle=False) as held:
        return [held[name] for name in held.files]
