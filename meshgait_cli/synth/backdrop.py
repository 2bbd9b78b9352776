"""Where a scene plays: floor, wall and sky drawn by rays, or the user's own picture or video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MeshgaitError, UsageError, VideoError
from ..pictures import read_picture
from .fabric import Grain, floats, sample_colour
from .pinhole import Pinhole

__all__ = ["FLOORS", "WALLS", "Ground", "Place", "draw_place", "own_backdrop", "sample_place"]

FLOORS = ("asphalt", "tiles", "grass", "boards", "carpet")
WALLS = ("open", "plaster", "brick", "windows", "panels", "shelves")
Floats = NDArray[np.float32]
_HAZE = 40.0  # metres after which the far end fades into the sky


@dataclass(frozen=True, slots=True)
class Place:
    """floor, wall: of FLOORS, WALLS. far: metres to the wall. turn: degrees by which it is askew. high: its
    height. seed: of colours and grain. The numbers fully decide the picture."""

    floor: str
    wall: str
    far: float
    turn: float
    high: float
    seed: int

    def record(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A picture to set walkers in. image: H×W×3 sRGB from 0 to 1. floor: H×W, 1 where shadows may fall."""

    image: Floats
    floor: Floats


def sample_place(rng: np.random.Generator, nearest: float) -> Place:
    """nearest: metres that stay free in front of the camera."""
    return Place(
        floor=str(rng.choice(FLOORS)),
        wall=str(rng.choice(WALLS, p=[0.25, 0.2, 0.15, 0.15, 0.15, 0.1])),
        far=float(nearest + rng.uniform(0.8, 9)),
        turn=float(rng.normal(0, 12)),
        high=float(rng.uniform(2.6, 9)),
        seed=int(rng.integers(2**31)),
    )


def draw_place(place: Place, view: Pinhole) -> Ground:
    """The empty place."""
    rng = np.random.default_rng(place.seed)
    grain = Grain(rng)
    rays = view.rays()
    shape = rays.shape[:2]
    eye = floats([0, view.eye, 0])
    image = _sky(rays, rng, grain)
    falling = np.minimum(rays[..., 1], -1e-4)
    to_floor = np.where(rays[..., 1] < -1e-4, view.eye / -falling, np.inf).astype(np.float32)
    turn = np.deg2rad(place.turn)
    normal = floats([np.sin(turn), 0, np.cos(turn)])
    towards = rays @ normal
    to_wall = np.full(shape, np.inf, np.float32)
    if place.wall != "open":
        to_wall = np.where(towards > 1e-4, place.far / np.maximum(towards, 1e-4), np.inf).astype(np.float32)
        to_wall[(eye[1] + to_wall * rays[..., 1]) > place.high] = np.inf
    floor = (to_floor < to_wall) & np.isfinite(to_floor)
    wall = ~floor & np.isfinite(to_wall)
    if floor.any():
        at = eye + rays[floor] * to_floor[floor][:, None]
        coarse = to_floor[floor] ** 2 / (view.focal * view.eye)  # metres of floor in a pixel
        colours = _floor(place.floor, at, coarse, rng, grain)
        haze = np.exp(-to_floor[floor] / _HAZE)[:, None]
        image[floor] = colours * haze + floats([0.72, 0.74, 0.76]) * (1 - haze)
    if wall.any():
        at = eye + rays[wall] * to_wall[wall][:, None]
        along = at @ floats([np.cos(turn), 0, -np.sin(turn)])
        image[wall] = _wall(place.wall, np.stack([along, at[:, 1], 0 * along], 1), rng, grain)
    return Ground(np.clip(image, 0, 1), floor.astype(np.float32))


def _sky(rays: Floats, rng: np.random.Generator, grain: Grain) -> Floats:
    low, high = floats([0.8, 0.83, 0.86]), floats([0.45, 0.62, 0.85])
    if rng.random() < 0.5:  # overcast
        high = floats([0.62, 0.65, 0.68])
    rise = np.clip(rays[..., 1:2] * 2.2, 0, 1)
    clouds = np.clip(0.5 + grain(rays * floats([1, 2, 1]), 0.22), 0, 1)[..., None] * 0.18
    return np.asarray(low * (1 - rise) + high * rise + clouds * rise, np.float32)


def _fine(coarse: Floats, size: float) -> Floats:
    """How much of a pattern of this size is left where a pixel covers `coarse` metres."""
    return np.asarray(1 / (1 + (1.5 * coarse / size) ** 2), np.float32)


def _floor(kind: str, at: Floats, coarse: Floats, rng: np.random.Generator, grain: Grain) -> Floats:
    x, z = at[:, 0], at[:, 2]
    blotch = 0.5 * grain(at, 0.7) + 0.5 * grain(at, 2.3)
    speck = grain(at, 0.03) * _fine(coarse, 0.05)
    if kind == "grass":
        base = floats([rng.uniform(0.2, 0.38), rng.uniform(0.34, 0.48), rng.uniform(0.12, 0.22)])
        light = 1 + 0.18 * blotch + 0.4 * speck
    elif kind == "tiles":
        base, cell = (
            floats(rng.uniform(0.4, 0.75, 3) * 0.15 + rng.uniform(0.35, 0.6)),
            rng.uniform(0.3, 0.9),
        )
        grout = (x / cell % 1 < 0.04) | (z / cell % 1 < 0.04)
        each = grain(np.stack([np.floor(x / cell), np.floor(z / cell), 0 * x], 1) * 3.7 + 0.5, 1.0)
        light = 1 + 0.06 * blotch + (0.1 * each - 0.35 * grout) * _fine(coarse, cell) + 0.06 * speck
    elif kind == "boards":
        base, cell = floats([0.55, 0.42, 0.3]) * floats(rng.uniform(0.6, 1.2)), rng.uniform(0.1, 0.22)
        gap = x / cell % 1 < 0.06
        each = grain(np.stack([np.floor(x / cell), 0 * x, 0 * x], 1) * 3.7 + 0.5, 1.0)
        fine = _fine(coarse, cell)
        light = (
            1 + 0.08 * blotch + (0.15 * each - 0.4 * gap) * fine + 0.1 * grain(at * floats([8, 1, 1]), 0.2)
        )
    elif kind == "carpet":
        base = floats(sample_colour(rng)) * 0.35 + floats(rng.uniform(0.1, 0.4))
        light = 1 + 0.05 * blotch + 0.12 * speck + 0.1 * (grain(at, 0.35) > 0.3) * _fine(coarse, 0.4)
    else:
        base = np.full(3, rng.uniform(0.25, 0.5), np.float32)
        line = np.abs(x - rng.uniform(-2, 2)) < 0.06
        crack = np.abs(grain(at, 1.4)) < 0.015
        light = 1 + 0.12 * blotch + 0.22 * speck + (0.8 * line - 0.3 * crack) * _fine(coarse, 0.1)
    return np.asarray(base * light[:, None], np.float32)


def _wall(kind: str, at: Floats, rng: np.random.Generator, grain: Grain) -> Floats:
    along, up = at[:, 0], at[:, 1]
    stain = 0.5 * grain(at, 0.9) + 0.5 * grain(at, 0.11)
    base = floats(sample_colour(rng)) * 0.45 + floats(rng.uniform(0.2, 0.45))
    light = 1 + 0.07 * stain
    if kind == "brick":
        base = floats([0.55, 0.33, 0.26]) * floats(rng.uniform(0.7, 1.3))
        row = np.floor(up / 0.08)
        joint = (up / 0.08 % 1 < 0.13) | ((along / 0.22 + 0.5 * (row % 2)) % 1 < 0.06)
        light = light * np.where(
            joint, 1.25, 1 + 0.15 * grain(np.stack([np.floor(along / 0.22), row, 0 * up], 1) * 2.7, 1.0)
        )
    elif kind == "windows":
        cell, tall = rng.uniform(1.2, 2.4), rng.uniform(1.4, 2.4)
        x, y = along / cell % 1, (up - 0.9) / (tall + 1.2) % 1
        pane = (x > 0.2) & (x < 0.8) & (y < tall / (tall + 1.2)) & (up > 0.9)
        glass = floats([0.2, 0.26, 0.33]) * (1 + 0.6 * grain(at, 1.7))[:, None]
        return np.where(pane[:, None], glass, base * light[:, None]).astype(np.float32)
    elif kind == "panels":
        cell = rng.uniform(0.5, 1.4)
        light = light * np.where(along / cell % 1 < 0.03, 0.6, 1.0) * np.where(up < 0.12, 0.5, 1.0)
    elif kind == "shelves":
        board = up / 0.38 % 1 < 0.1
        number = np.stack([np.floor(along / 0.13), np.floor(up / 0.38), 0 * up], 1) * 3.3
        goods = np.stack([0.45 + 0.4 * grain(number + shift, 1.0) for shift in (0.5, 7.5, 13.5)], 1)
        return np.where(board[:, None], base, goods * light[:, None]).astype(np.float32)
    return np.asarray(base * light[:, None], np.float32)


def own_backdrop(path: Path, width: int, height: int, frames: int) -> Iterator[Ground]:
    """The user's picture, or video from its start and over again, cut to width×height.

    Raises UsageError where nothing is there, MeshgaitError where it is no picture and no video.
    """
    if not path.is_file():
        raise UsageError(f"there is no --background {path}")
    everywhere = np.ones((height, width), np.float32)
    still = read_picture(path, cv2.IMREAD_COLOR)
    if still is not None:
        image = _fitted(still[..., ::-1], width, height)
        for _ in range(frames):
            yield Ground(image, everywhere)
        return
    from ..video.decode import open_video

    shown = 0
    while shown < frames:
        before = shown
        try:
            with open_video(path) as reader:
                for frame in reader:
                    if shown == frames:
                        return
                    yield Ground(_fitted(frame.image, width, height), everywhere)
                    shown += 1
        except VideoError as error:
            raise MeshgaitError(f"--background: {error}") from error
        if shown == before:
            raise MeshgaitError(f"--background {path} is no picture and no video: choose another")


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> Floats:
    """Scaled until it covers, and cut in the middle."""
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    big = cv2.resize(np.ascontiguousarray(image), size, interpolation=way)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return big[top : top + height, left : left + width].astype(np.float32) / floats(255)
