"""Colours and patterns: what skin, hair, cloth, floors and walls look like. Colours are sRGB from 0 to 1."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

__all__ = [
    "PATTERNS",
    "Fabric",
    "Grain",
    "floats",
    "sample_cloth",
    "sample_colour",
    "sample_hair_colour",
    "sample_skin",
]

Floats = NDArray[np.float32]
PATTERNS = ("plain", "hoops", "pinstripes", "checks", "mottled", "yoke")
_CELLS = 32  # of the noise lattice along each side
_SKINS = ((0.93, 0.77, 0.66), (0.80, 0.60, 0.46), (0.58, 0.40, 0.28), (0.34, 0.22, 0.16))
_HAIRS = ((0.07, 0.06, 0.06), (0.20, 0.13, 0.09), (0.36, 0.25, 0.16), (0.66, 0.53, 0.34), (0.55, 0.54, 0.53))


def floats(values: ArrayLike) -> Floats:
    """As float32, so that a picture does not grow to float64 by being multiplied."""
    return np.asarray(values, np.float32)


class Grain:
    """Smooth noise in three dimensions, of one seed; it repeats every 32 cells."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._lattice = rng.uniform(-1, 1, (_CELLS, _CELLS, _CELLS)).astype(np.float32)

    def __call__(self, points: NDArray[np.floating], cell: float) -> Floats:
        """…×3 points in metres → … numbers from −1 to 1. cell: metres."""
        flat = (points.reshape(-1, 3) / cell).T
        values = map_coordinates(self._lattice, flat, order=1, mode="grid-wrap", output=np.float32)
        return np.asarray(values).reshape(points.shape[:-1])


@dataclass(frozen=True, slots=True)
class Fabric:
    """kind: of PATTERNS. colour, other: the two colours. size: metres from one stripe to the next. wrinkles:
    strength of the folds' light and shade."""

    kind: str
    colour: tuple[float, float, float]
    other: tuple[float, float, float]
    size: float
    wrinkles: float = 0.07

    def paint(self, along: Floats, across: Floats, points: Floats, grain: Grain) -> Floats:
        """N×3 colours. along, across: N metres over the cloth. points: N×3 metres in the rest pose."""
        share = self._share(along, across, points, grain)[:, None]
        colours = floats(self.colour) * (1 - share) + floats(self.other) * share
        if self.wrinkles:
            folds = grain(points * floats([1, 0.5, 1]), 0.045) + 0.6 * grain(points, 0.13)
            colours = colours * (1 + self.wrinkles * folds[:, None])
        return np.asarray(colours, np.float32)

    def _share(self, along: Floats, across: Floats, points: Floats, grain: Grain) -> Floats:
        """How much of the other colour there is at each point, 0-1."""
        share: NDArray[np.generic]
        if self.kind == "hoops":
            share = (along / self.size) % 1 < 0.45
        elif self.kind == "pinstripes":
            share = (across / self.size) % 1 < 0.3
        elif self.kind == "checks":
            share = 0.5 * ((along / self.size) % 1 < 0.5) + 0.5 * ((across / self.size) % 1 < 0.5)
        elif self.kind == "mottled":
            share = np.clip(0.5 + 1.2 * grain(points, self.size), 0, 1)
        elif self.kind == "yoke":  # the upper part in the other colour
            share = along > self.size * 5
        else:
            share = np.zeros(len(along))
        return np.asarray(share, np.float32)


def sample_skin(rng: np.random.Generator) -> tuple[float, float, float]:
    at = rng.uniform(0, len(_SKINS) - 1)
    low = int(at)
    near, far = np.array(_SKINS[low]), np.array(_SKINS[min(low + 1, len(_SKINS) - 1)])
    return _triple(near + (at - low) * (far - near))


def sample_hair_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    chosen = np.array(_HAIRS[int(rng.choice(len(_HAIRS), p=[0.3, 0.3, 0.18, 0.12, 0.1]))])
    return _triple(chosen * rng.uniform(0.8, 1.2))


def sample_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Of cloth: most people wear dark, grey, white or blue, some wear anything."""
    kind = rng.random()
    if kind < 0.25:
        return _triple(np.full(3, rng.uniform(0.05, 0.2)) * rng.uniform(0.9, 1.1, 3))
    if kind < 0.42:
        return _triple(np.full(3, rng.uniform(0.3, 0.65)) * rng.uniform(0.95, 1.05, 3))
    if kind < 0.54:
        return _triple(np.full(3, rng.uniform(0.8, 0.95)))
    if kind < 0.72:
        return colorsys.hsv_to_rgb(rng.uniform(0.56, 0.68), rng.uniform(0.3, 0.8), rng.uniform(0.18, 0.6))
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.25, 0.85), rng.uniform(0.3, 0.9))


def sample_cloth(rng: np.random.Generator, plain: float = 0.5) -> Fabric:
    """plain: chance of no pattern."""
    kind = "plain" if rng.random() < plain else str(rng.choice(PATTERNS[1:]))
    colour = sample_colour(rng)
    return Fabric(kind, colour, sample_colour(rng), float(rng.uniform(0.03, 0.12)), rng.uniform(0.04, 0.1))


def _triple(values: NDArray[np.floating]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values.clip(0.02, 0.98))
    return red, green, blue
