"""Silhouettes as small PNG pictures: black ink of sixteen strengths on nothing, so that a page may put them
on any paper."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["COLUMNS", "MARGIN", "data_uri", "energy", "ink", "sheet", "strip"]

COLUMNS = 12  # tiles in a row of a sheet
MARGIN = 2  # clear pixels around each, so that a tile drawn larger takes nothing from its neighbours
_LEVELS = 16
_STEP = 255 // (_LEVELS - 1)
FAINT = 0.35  # strength of a silhouette that does not count


def ink(picture: NDArray[np.uint8]) -> bytes:
    """H×W strengths to a PNG: a palette of 16 blacks, from clear to opaque. Within 8 of what went in."""
    levels = ((picture.astype(np.uint16) + _STEP // 2) // _STEP).astype(np.uint8)
    image = Image.frombytes("P", (levels.shape[1], levels.shape[0]), levels.tobytes())
    image.putpalette([0, 0, 0] * _LEVELS)
    return _png(image, bits=4, transparency=bytes(range(0, 256, _STEP)))


def sheet(silhouettes: NDArray[np.uint8]) -> bytes:
    """T×H×W as one PNG, 12 tiles in a row, in reading order, each with a margin of 2."""
    silhouettes = np.pad(silhouettes, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    count, height, width = silhouettes.shape
    rows = max(1, -(-count // COLUMNS))
    tiles = np.zeros((rows * COLUMNS, height, width), np.uint8)
    tiles[:count] = silhouettes
    grid = tiles.reshape(rows, COLUMNS, height, width).transpose(0, 2, 1, 3)
    return ink(np.ascontiguousarray(grid.reshape(rows * height, COLUMNS * width)))


def strip(silhouettes: NDArray[np.uint8], counted: NDArray[np.bool_]) -> bytes:
    """T×H×W side by side in one row; those that do not count are faint."""
    strength = np.where(counted, 1.0, FAINT)[:, None, None]
    shown = (silhouettes * strength).astype(np.uint8)
    return ink(np.ascontiguousarray(shown.transpose(1, 0, 2).reshape(shown.shape[1], -1)))


def energy(silhouettes: NDArray[np.uint8]) -> bytes:
    """The gait-energy image, the mean over time (Han and Bhanu, PAMI 2006), grey: white is always there."""
    mean = silhouettes.mean(axis=0).round().astype(np.uint8)
    return _png(Image.fromarray(mean))


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _png(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
