"""Things that stand about: poles, trunks, trees, bushes, boxes, signs. Flat pictures that face the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .fabric import Grain, floats, sample_colour
from .pinhole import Pinhole

__all__ = ["KINDS", "NARROW", "Layer", "Prop", "draw_prop", "sample_prop"]

Floats = NDArray[np.float32]
_SAMPLES = 2
_LARGEST = 1400  # pixels of a prop's longer side, before it is cut by the picture


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A piece of the picture: h×w×3 colours, h×w opacity, its top-left corner, and metres ahead."""

    colour: Floats
    opacity: Floats
    left: int
    top: int
    ahead: float

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.opacity.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


@dataclass(frozen=True, slots=True)
class Prop:
    """kind: of KINDS. x, z: where it stands on the floor. wide, tall: metres. seed: of its looks."""

    kind: str
    x: float
    z: float
    wide: float
    tall: float
    seed: int


_SIZES = {  # metres: width, height
    "pole": ((0.08, 0.2), (2.5, 5.0)),
    "trunk": ((0.22, 0.45), (3.0, 6.0)),
    "tree": ((2.0, 4.5), (3.5, 7.0)),
    "bush": ((0.7, 1.8), (0.5, 1.1)),
    "box": ((0.5, 1.8), (0.4, 1.1)),
    "sign": ((0.4, 0.8), (2.0, 2.8)),
    "cabinet": ((0.6, 1.4), (1.3, 2.3)),
}
KINDS = tuple(_SIZES)
NARROW = ("pole", "trunk", "sign", "box", "bush")  # those that may stand in front of a walker


def sample_prop(rng: np.random.Generator, kind: str, x: float, z: float) -> Prop:
    wide, tall = (float(rng.uniform(*span)) for span in _SIZES[kind])
    return Prop(kind, float(x), float(z), wide, tall, int(rng.integers(2**31)))


def draw_prop(prop: Prop, view: Pinhole, light: float) -> Layer | None:
    """As the camera sees it, None where it does not. light: factor on its colours."""
    x, y, ahead = (float(value) for value in view.project(np.array([prop.x, 0.0, prop.z])))
    scale = view.scale(ahead)
    wide, tall = max(1, round(prop.wide * scale)), max(2, round(prop.tall * scale))
    if ahead < 0.5:
        return None
    shrink = min(1.0, _LARGEST / (max(wide, tall) * _SAMPLES))
    size = (max(2, round(tall * _SAMPLES * shrink)), max(2, round(wide * _SAMPLES * shrink)))
    rng = np.random.default_rng(prop.seed)
    colour, opacity = _PAINT[prop.kind](size, prop, rng, Grain(rng))
    whole = np.dstack([np.broadcast_to(colour, (*size, 3)) * opacity[..., None], opacity])
    whole = cv2.resize(whole.astype(np.float32), (wide, tall), interpolation=cv2.INTER_AREA)
    left, top = round(x - wide / 2), round(y - tall)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(view.width, left + wide), min(view.height, top + tall)
    if x1 <= x0 or y1 <= y0:
        return None
    kept = whole[y0 - top : y1 - top, x0 - left : x1 - left]
    shown = kept[..., 3]
    colours = kept[..., :3] / np.maximum(shown, 1e-3)[..., None] * light
    return Layer(np.ascontiguousarray(colours), np.ascontiguousarray(shown), x0, y0, ahead)


_Painted = tuple[Floats, Floats]
_Size = tuple[int, int]


def _metres(size: _Size, prop: Prop) -> Floats:
    """H×W×3: where each pixel is on the prop; y counts up from the floor."""
    y = (1 - (np.arange(size[0]) + 0.5) / size[0]) * prop.tall
    x = ((np.arange(size[1]) + 0.5) / size[1] - 0.5) * prop.wide
    grid = np.zeros((*size, 3), np.float32)
    grid[..., 0], grid[..., 1] = x[None], y[:, None]
    return grid


def _round(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain, base: Floats) -> _Painted:
    """Something round that stands up, lit from one side."""
    across = np.linspace(-1, 1, size[1], dtype=np.float32)
    side = float(rng.uniform(-0.6, 0.6))
    shade = 0.55 + 0.5 * np.sqrt(np.clip(1 - (across - side) ** 2 / 2.6, 0, 1))
    bark = 1 + 0.18 * grain(_metres(size, prop) * floats([4, 1, 1]), 0.12)
    return base * (shade[None] * bark)[..., None], np.ones(size, np.float32)


def _pole(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    return _round(size, prop, rng, grain, floats(rng.uniform(0.2, 0.7) * np.ones(3)))


def _trunk(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    base = floats([0.36, 0.28, 0.2]) * floats(rng.uniform(0.6, 1.2))
    return _round(size, prop, rng, grain, base)


def _leaves(at: Floats, rng: np.random.Generator, grain: Grain) -> Floats:
    green = floats([rng.uniform(0.15, 0.4), rng.uniform(0.3, 0.5), rng.uniform(0.08, 0.22)])
    light = 0.8 + 0.35 * grain(at, 0.5) + 0.35 * grain(at, 0.09)
    return green * light[..., None]


def _bush(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    at = _metres(size, prop)
    x, y = at[..., 0] / (prop.wide / 2), at[..., 1] / prop.tall
    edge = x**2 + np.clip(y, 0, 1) ** 3 + 0.35 * grain(at, 0.25) + 0.2 * grain(at, 0.06)
    return _leaves(at, rng, grain), (edge < 0.72).astype(np.float32)


def _tree(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    at = _metres(size, prop)
    x, y = at[..., 0] / (prop.wide / 2), (at[..., 1] - 0.66 * prop.tall) / (0.34 * prop.tall)
    crown = x**2 + y**2 + 0.4 * grain(at, 0.6) + 0.3 * grain(at, 0.12) < 0.75
    trunk = (np.abs(at[..., 0]) < 0.13) & (at[..., 1] < 0.6 * prop.tall)
    bark = floats([0.3, 0.24, 0.18]) * (1 + 0.3 * grain(at, 0.1))[..., None]
    colours = np.where(crown[..., None], _leaves(at, rng, grain), bark)
    return colours, (crown | trunk).astype(np.float32)


def _box(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    at = _metres(size, prop)
    base = floats(sample_colour(rng)) * (1 + 0.1 * grain(at, 0.2))[..., None]
    cell = float(rng.uniform(0.12, 0.5))
    lines = ((at[..., 1] / cell) % 1 < 0.06) | ((at[..., 0] / cell / 1.5) % 1 < 0.04)
    base = base * np.where(lines, 0.6, 1.0)[..., None]
    top = at[..., 1] > 0.9 * prop.tall
    return np.where(top[..., None], base * 1.25, base).astype(np.float32), np.ones(size, np.float32)


def _sign(size: _Size, prop: Prop, rng: np.random.Generator, grain: Grain) -> _Painted:
    at = _metres(size, prop)
    plate = at[..., 1] > prop.tall - 0.9
    foot = np.abs(at[..., 0]) < 0.035
    rim = plate & ((np.abs(at[..., 0]) > 0.44 * prop.wide) | (at[..., 1] > prop.tall - 0.05))
    text = plate & (grain(at * floats([0.4, 1, 1]), 0.06) > 0.35)
    colours = np.where(plate[..., None], floats(sample_colour(rng)), floats([0.5, 0.5, 0.5]))
    colours = np.where((rim | text)[..., None], floats([0.9, 0.9, 0.88]), colours)
    return colours.astype(np.float32), (plate | foot).astype(np.float32)


_PAINT: dict[str, Callable[[_Size, Prop, np.random.Generator, Grain], _Painted]] = {
    "pole": _pole,
    "trunk": _trunk,
    "tree": _tree,
    "bush": _bush,
    "box": _box,
    "sign": _sign,
    "cabinet": _box,
}
