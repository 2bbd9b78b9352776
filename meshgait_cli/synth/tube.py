"""Rounded solids and tubes of cloth: rings of points, closed by a point above and one below."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .clothes import Drape

__all__ = ["RIM", "Loft", "solid", "tube_faces"]

RIM = 24  # points of a ring
_BANDS = 12  # rings of a skirt or coat
_PARALLELS = 9  # rings of a solid
_EASE = 0.012  # metres between cloth and body
_COLLAR = 0.09  # by which coats reach higher, as `clothes.Drape` counts
_MOST = 150  # body points that a ring is drawn round
_BOXY = 0.35  # exponent that makes a box of a ball
Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@lru_cache(maxsize=16)
def tube_faces(size: int) -> NDArray[np.int64]:
    """Outward faces of `size` points: rings of RIM from above, each from x to z, then the point above and the
    point below."""
    rings = (size - 2) // RIM
    m = np.arange(RIM)
    after = (m + 1) % RIM
    above, below = size - 2, size - 1
    faces = [np.stack([np.full(RIM, above), after, m], 1)]
    for ring in range(rings - 1):
        here, under = ring * RIM, (ring + 1) * RIM
        faces.append(np.stack([here + m, here + after, under + m], 1))
        faces.append(np.stack([here + after, under + after, under + m], 1))
    last = (rings - 1) * RIM
    faces.append(np.stack([np.full(RIM, below), last + m, last + after], 1))
    return np.concatenate(faces)


def solid(points: Array) -> Array:
    """A smooth ball or a rounded box in place of a cloud of `clothes`: N×3 metres, as `tube_faces` reads
    them. Eight points are a box's corners."""
    low, high = points.min(0), points.max(0)
    centre, radii = (low + high) / 2, (high - low) / 2
    power = _BOXY if len(points) == 8 else 1.0
    polar = np.linspace(0, np.pi, _PARALLELS + 2)[1:-1, None]
    around = np.linspace(0, 2 * np.pi, RIM, endpoint=False)[None]
    parts = (
        _power(np.sin(polar), power) * _power(np.cos(around), power),
        _power(np.cos(polar), power) * np.ones_like(around),
        _power(np.sin(polar), power) * _power(np.sin(around), power),
    )
    ball = np.stack(parts, axis=-1).reshape(-1, 3)
    return np.concatenate([ball, [[0, 1, 0], [0, -1, 0]]]) * radii + centre


def _power(values: Array, power: float) -> Array:
    return np.sign(values) * np.abs(values) ** power


@dataclass(frozen=True, slots=True, eq=False)
class Loft:
    """Cloth round the trunk: at each of some heights, the hull of the body points there. bands: their
    numbers. widths: factor on each ring. levels: of each ring, as `clothes.Drape` counts."""

    bands: tuple[NDArray[np.intp], ...]
    widths: Array
    levels: Array

    @classmethod
    def of(cls, drape: Drape, level: Array, trunk: NDArray[np.bool_]) -> Loft:
        """level: V, of the body's points. trunk: V, those that are no arms."""
        bands, widths, levels = [], [], []
        top = drape.top + (_COLLAR if drape.top > 1.2 else 0)  # what hangs from the shoulders hides its rim
        for share in np.linspace(0, 1, _BANDS):
            at = top + share * (drape.hem - top)
            near = np.flatnonzero(trunk & (np.abs(level - at) < 0.05))
            if len(near) < 8:
                continue
            bands.append(near[:: max(1, len(near) // _MOST)])
            widths.append(1 + (drape.flare - 1) * share)
            levels.append(at)
        return cls(tuple(bands), np.array(widths), np.array(levels))

    @property
    def size(self) -> int:
        return len(self.bands) * RIM + 2

    def rings(self, body: Floats) -> Floats:
        """T×V×3 posed body points to T×size×3 points of the cloth. Metres, y up."""
        angles = np.linspace(0, 2 * np.pi, RIM, endpoint=False)
        towards = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
        slant = np.cos(angles[:, None] - angles[None])
        slant = np.where(slant > 0.25, 1 / np.maximum(slant, 0.25), np.inf).astype(np.float32)
        middles: list[Floats] = []
        reaches: list[Floats] = []
        for near, width in zip(self.bands, self.widths, strict=True):
            points = body[:, near]
            middle = (points.min(1) + points.max(1)) / 2
            middle[:, 1] = points[..., 1].mean(1)
            support = ((points - middle[:, None])[..., [0, 2]] @ towards).max(1)  # T×RIM
            reach = (support[:, None] * slant).min(2)
            middles.append(middle)
            ease = np.float32(_EASE * min(1, len(reaches) / 3))
            reaches.append((reach + ease) * np.float32(width))
        # Cloth bridges hollows between what is above and below.
        reach = np.stack(reaches, axis=1)
        reach[:, 1:-1] = np.maximum(reach[:, 1:-1], (reach[:, :-2] + reach[:, 2:]) / 2)
        middle = np.stack(middles, axis=1)
        out = np.repeat(middle[:, :, None], RIM, axis=2)
        out[..., [0, 2]] += reach[..., None] * towards.T
        flat = out.reshape(len(body), -1, 3)
        return np.concatenate([flat, middle[:, :1], middle[:, -1:]], axis=1)

    def unrolled(self, pelvis: float) -> Array:
        """size×3 metres to paint by: round the trunk, up, 0. pelvis: height of the pelvis at rest."""
        height = pelvis + (self.levels - 1) * 0.85
        angles = np.linspace(-np.pi, np.pi, RIM, endpoint=False)
        around = np.abs(angles) * 0.3  # mirrored, so that the seam is not seen
        grid = np.stack(np.broadcast_arrays(around[None], height[:, None], 0.0), axis=-1).reshape(-1, 3)
        return np.concatenate([grid, [[0, height[0], 0], [0, height[-1], 0]]])
