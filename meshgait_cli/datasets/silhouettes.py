"""Silhouettes as people have them: OpenGait trees, arrays, folders of masks. One sequence at a time."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_ARRAYS, SilhouetteError
from ..people.silhouette import normalise
from ..pictures import read_picture
from ..records import HEIGHT, WIDTH, SilhouetteSequence
from .pickles import read_arrays

__all__ = ["IMAGES", "LabelledSilhouettes", "Place", "count", "places", "read", "read_place"]

ARRAYS = (".pkl", ".npz", ".npy")
IMAGES = (".png", ".bmp", ".jpg", ".jpeg")
_LIMIT = 4 << 30  # bytes that one array may unfold to
_NUMBERS = "biuf"  # kinds of dtype: truth values, integers, floating point


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSilhouettes:
    """A sequence and what its path says of it: root/<identity>/<type>/<view>/file, as far as there is."""

    sequence: SilhouetteSequence
    identity: str
    type: str
    view: str
    path: Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sequence lies, and what the path says of it. Nothing has been read yet."""

    path: Path
    identity: str
    type: str
    view: str


def count(root: Path) -> int:
    """Files and mask folders below `root`: at least so many sequences."""
    return len(_places(root))


def places(root: Path) -> list[Place]:
    """Every file and mask folder at or below `root`, in natural order."""
    return [Place(path, *_labels(root, path)) for path in _places(root)]


def read_place(path: Path) -> list[SilhouetteSequence]:
    """The sequences of one file or mask folder. Raises SilhouetteError as `read` does."""
    return [_masks(path)] if path.is_dir() else _file(path)


def read(root: Path) -> Iterator[LabelledSilhouettes]:
    """Every sequence at or below `root`, in natural order; arrays of another size are normalised.

    Raises SilhouetteError when there is none, or one that is damaged or no silhouettes.
    """
    found = places(root)
    if not found:
        raise SilhouetteError(
            f"{root} holds no silhouettes: looked for {', '.join(ARRAYS)} and folders of masks"
        )
    for place in found:
        sequences = read_place(place.path)
        for number, sequence in enumerate(sequences):
            tail = f"#{number}" if len(sequences) > 1 else ""
            yield LabelledSilhouettes(sequence, place.identity, place.type, place.view + tail, place.path)


def _places(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    found: set[Path] = set()
    for path in root.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(root).parts) or not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix in ARRAYS:
            found.add(path)
        elif suffix in IMAGES:
            found.add(path.parent)
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    return [(0, int(t), "") if t.isdecimal() else (1, 0, t) for t in re.split(r"(\d+)", str(path)) if t]


def _labels(root: Path, path: Path) -> tuple[str, str, str]:
    """identity, type, view. The file's own name is the identity when no folder says it."""
    if path == root:
        return (path.name if path.is_dir() else path.stem), "", ""
    parts = [*path.relative_to(root).parts]
    if path.is_file():
        parts[-1] = path.stem
        if len(parts) > 3:
            parts = parts[:-1]
    parts = [*parts, "", ""]
    return parts[0], parts[1], parts[2]


def _file(path: Path) -> list[SilhouetteSequence]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _npz(path)
    if suffix == ".pkl":
        arrays = read_arrays(path)
        if all(array.ndim == 2 for array in arrays):  # a list of frames is one sequence
            arrays = [_stack(arrays, path)]
    elif suffix == ".npy":
        arrays = [_npy(path)]
    else:
        raise SilhouetteError(f"{path} holds no silhouettes: give {', '.join(ARRAYS)} or a folder of masks")
    return [_sequence(array, path) for array in arrays]


def _stack(frames: list[NDArray], path: Path) -> NDArray:
    if len({frame.shape for frame in frames}) > 1:
        raise SilhouetteError(f"{path} holds frames of different sizes")
    if not all(frame.dtype.kind in _NUMBERS for frame in frames):
        raise SilhouetteError(f"{path} holds frames that are no numbers: silhouettes are T×H×W numbers")
    return np.stack(frames)


def _npy(path: Path) -> NDArray:
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.nbytes > _LIMIT:
            raise SilhouetteError(f"{path} unfolds to more than 4 GB: split it")
        return np.array(mapped)
    except DAMAGED_ARRAYS as error:
        raise SilhouetteError(f"{path} is not a NumPy array, or is damaged: {_first_line(error)}") from error


def _npz(path: Path) -> list[SilhouetteSequence]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LIMIT:
                raise SilhouetteError(f"{path} unfolds to more than 4 GB: split it")
        with np.load(path, allow_pickle=False) as arrays:
            members = {name: arrays[name] for name in arrays.files}
    except DAMAGED_ARRAYS as error:
        raise SilhouetteError(f"{path} is not an .npz file, or is damaged: {_first_line(error)}") from error
    held = {name: member for name, member in members.items() if isinstance(member, np.ndarray)}
    if {"silhouettes", "frames", "times", "transform"} <= set(held):
        return [_own(held, path)]
    found = [array for array in held.values() if array.ndim >= 3]
    if not found:
        raise SilhouetteError(f"{path} holds no T×H×W array, only {', '.join(held) or 'nothing'}")
    return [_sequence(array, path) for array in found]


def _own(held: dict[str, NDArray], path: Path) -> SilhouetteSequence:
    """What `meshgait extract` wrote; the frames it found good are the ones to embed."""
    try:
        keep = held.get("good", np.ones(len(held["frames"]), dtype=bool))
        if not keep.any():
            keep = np.ones_like(keep)
        return SilhouetteSequence(
            silhouettes=held["silhouettes"][keep],
            frames=held["frames"][keep],
            times=held["times"][keep],
            transform=held["transform"][keep],
            name=path.stem,
        )
    except (ValueError, IndexError, TypeError) as error:
        raise SilhouetteError(f"{path} is damaged: {_first_line(error)}") from error


def _sequence(array: NDArray, path: Path) -> SilhouetteSequence:
    """T×H×W (or T×H×W×1) of bool, 0-1 or 0-255 as a sequence; other sizes are normalised."""
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.dtype.kind not in _NUMBERS:
        raise SilhouetteError(f"{path}: silhouettes are T×H×W numbers, not {array.shape} of {array.dtype}")
    grey = _grey(array, path)
    if grey.shape[1] == HEIGHT and grey.shape[2] in (HEIGHT, WIDTH):
        filled = grey[grey.any(axis=(1, 2))]
    else:
        done = [found.silhouette for mask in grey if (found := normalise(mask)) is not None]
        filled = np.stack(done) if done else grey[:0, :1, :1]
    if not len(filled):
        raise SilhouetteError(f"{path}: all {len(grey)} masks are empty, or too small to be a person")
    return SilhouetteSequence.from_arrays(np.ascontiguousarray(filled), name=path.stem)


def _grey(array: NDArray, path: Path) -> NDArray[np.uint8]:
    if array.dtype == np.uint8 and (array.size == 0 or array.max() > 1):
        return array
    if array.size == 0:
        return np.zeros(array.shape, np.uint8)
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255:
        raise SilhouetteError(
            f"{path}: silhouettes range from 0 to 1 or 0 to 255, not {array.min()} to {array.max()}"
        )
    scale = 255 if array.max() <= 1 else 1
    return np.asarray(np.round(array.astype(np.float32) * scale), dtype=np.uint8)


def _masks(folder: Path) -> SilhouetteSequence:
    """A folder of mask pictures, one a frame, in natural order of their names."""
    import cv2

    paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in IMAGES), key=_natural)
    frames = []
    for path in paths:
        try:
            picture = read_picture(path, cv2.IMREAD_UNCHANGED)
        except OSError as error:
            raise SilhouetteError(f"cannot read {path}: {error.strerror or error}") from error
        if picture is None:
            raise SilhouetteError(f"{path} is not a picture, is too large, or is damaged: take it out")
        if picture.ndim == 3:
            colours = picture[..., :3].astype(np.int16)
            if np.abs(colours - colours[..., :1]).max() > 8:
                raise SilhouetteError(f"{path} is a colour picture: masks are white people on black")
            picture = picture[..., 0]
        frames.append(picture)
    if len({frame.shape for frame in frames}) > 1:
        whole = [
            found.silhouette for frame in frames if (found := normalise(_grey(frame, folder))) is not None
        ]
        if not whole:
            raise SilhouetteError(f"{folder}: all {len(frames)} masks are empty, or too small to be a person")
        return SilhouetteSequence.from_arrays(np.stack(whole), name=folder.name)
    return _sequence(np.stack(frames), folder)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
