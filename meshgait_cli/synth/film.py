"""A scene's pictures, one after the other, with the true outlines of its walkers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np
from numpy.typing import NDArray

from ..body.shade import vertex_normals
from .backdrop import Ground, draw_place
from .fabric import Grain, floats
from .figure import Figure
from .pinhole import Pinhole
from .props import Layer, draw_prop
from .raster import fragments
from .staging import Light, Stage

__all__ = ["Actor", "Shot", "film"]

_SAMPLES = 2  # along a pixel's side
_MARGIN = 2  # pixels round a walker
_SHADOW_STEP = 2  # pixels of the picture to a pixel of the shadow map
_CONTACT = 0.16  # metres above the floor below which feet darken it
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A figure and its walk through the scene. vertices: T×V×3, joints: T×24×3, metres in the world."""

    figure: Figure
    vertices: Floats
    joints: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture. image: H×W×3 uint8 RGB. visible, whole: P×H×W, the pixels at least half of which shows a
    walker, and would if nothing stood in front."""

    image: NDArray[np.uint8]
    visible: Mask
    whole: Mask


def film(
    stage: Stage, actors: Sequence[Actor], rng: np.random.Generator, grounds: Iterator[Ground] | None = None
) -> Iterator[Shot]:
    """rng: of the paint's grain and the sensor's noise. grounds: the user's own background."""
    view, light = stage.view, stage.light
    grain = Grain(rng)
    if grounds is None:
        assert stage.place is not None
        empty = draw_place(stage.place, view)
        ambient = min(1.15, light.ambient + 0.6 * light.sun)
        grounds = repeat(Ground(np.clip(empty.image * ambient, 0, 1), empty.floor))
    things = [draw_prop(prop, view, min(1.1, light.ambient + 0.5 * light.sun)) for prop in stage.props]
    still = [thing for thing in things if thing is not None]
    pool = rng.standard_normal((view.height + 64, view.width + 64, 3), dtype=np.float32)
    skins = [_Skin(actor, grain) for actor in actors]
    for t, ground in zip(range(len(actors[0].vertices)), grounds, strict=False):
        picture = ground.image * _darkened(stage, ground, [actor.vertices[t] for actor in actors])
        layers: list[tuple[int, Layer]] = [(-1, layer) for layer in still]
        for number, skin in enumerate(skins):
            layer = skin.layer(t, view, light)
            if layer is not None:
                layers.append((number, layer))
        layers.sort(key=lambda each: -each[1].ahead)
        visible, whole = _outlines(layers, len(actors), (view.height, view.width))
        for _, layer in layers:
            part = picture[layer.window]
            part += (layer.colour - part) * layer.opacity[..., None]
        yield Shot(_exposed(picture, stage, pool, rng), visible, whole)


class _Skin:
    """Draws one actor at any of its times."""

    def __init__(self, actor: Actor, grain: Grain) -> None:
        self._actor, self._grain = actor, grain

    def layer(self, t: int, view: Pinhole, light: Light) -> Layer | None:
        figure = self._actor.figure
        vertices = self._actor.vertices[t]
        points = view.project(vertices)
        if float(points[:, 2].min()) < 0.3:
            return None  # walks through the camera
        low = np.floor(points[:, :2].min(0)).astype(int) - _MARGIN
        high = np.ceil(points[:, :2].max(0)).astype(int) + _MARGIN
        x0, y0 = (int(value) for value in low.clip(0))
        x1, y1 = min(view.width, int(high[0])), min(view.height, int(high[1]))
        if x1 <= x0 or y1 <= y0:
            return None
        height, width = y1 - y0, x1 - x0
        near = points.copy()
        near[:, :2] = (near[:, :2] - [x0, y0]) * _SAMPLES
        found = fragments(near, figure.faces, height * _SAMPLES, width * _SAMPLES)
        if not len(found.cell):
            return None
        normals = found.of(vertex_normals(vertices, figure.faces).astype(np.float32), figure.faces)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        colours = figure.palette.colours(
            figure.part[found.face], found.of(figure.rest, figure.faces), self._grain
        )
        big = np.zeros((height * _SAMPLES * width * _SAMPLES, 4), np.float32)
        big[found.cell, :3] = colours * light.on(normals)
        big[found.cell, 3] = 1
        small = cv2.resize(
            big.reshape(height * _SAMPLES, width * _SAMPLES, 4), (width, height), interpolation=cv2.INTER_AREA
        )
        opacity = small[..., 3]
        colour = np.clip(small[..., :3] / np.maximum(opacity, 1e-3)[..., None], 0, 1)
        return Layer(colour, opacity, x0, y0, float(np.median(points[:, 2])))


def _outlines(layers: list[tuple[int, Layer]], walkers: int, size: tuple[int, int]) -> tuple[Mask, Mask]:
    """P×H×W: where each walker is seen, and where it would be if nothing stood before it."""
    visible, whole = (np.zeros((walkers, *size), bool) for _ in range(2))
    clear = np.ones(size, np.float32)
    for number, layer in reversed(layers):  # from the nearest on
        if number >= 0:
            whole[number][layer.window] = layer.opacity >= 0.5
            visible[number][layer.window] = layer.opacity * clear[layer.window] >= 0.5
        clear[layer.window] *= 1 - layer.opacity
    return visible, whole


def _darkened(stage: Stage, ground: Ground, walkers: list[Floats]) -> Floats:
    """H×W×1 factors: the walkers' cast shadows, and the dark under their feet."""
    view, light = stage.view, stage.light
    step = _SHADOW_STEP
    size = (-(-view.height // step), -(-view.width // step))
    cast, under = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for vertices in walkers:
        thrown = vertices - vertices[:, 1:2] * (light.towards / light.towards[1]).astype(np.float32)
        _splat(cast, view.project(thrown), step)
        feet = vertices[vertices[:, 1] < _CONTACT] * floats([1, 0, 1])
        _splat(under, view.project(feet), step)
    scale = view.scale(float(np.mean([points[:, 2].mean() for points in walkers]))) / step
    hole = max(2, round(0.05 * scale))
    cast = cv2.morphologyEx(cast, cv2.MORPH_CLOSE, np.ones((hole, hole), np.uint8))
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.5, 0.02 * scale)) * light.shadow
    under = cv2.GaussianBlur(under, (0, 0), max(0.6, 0.07 * scale)) * 0.6
    dark = 1 - np.maximum(cast, np.minimum(under, 0.6))
    big = cv2.resize(dark, (size[1] * step, size[0] * step), interpolation=cv2.INTER_LINEAR)
    fell = 1 - (1 - big[: view.height, : view.width]) * ground.floor
    return np.asarray(fell[..., None], np.float32)


def _splat(target: Floats, points: NDArray[np.floating], step: int) -> None:
    points = points[points[:, 2] > 0.3]
    column, row = np.floor(points[:, 0] / step).astype(int), np.floor(points[:, 1] / step).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < target.shape[1]) & (row < target.shape[0])
    target[row[inside], column[inside]] = 1


def _exposed(picture: Floats, stage: Stage, pool: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What lens and sensor make of it."""
    soft = cv2.GaussianBlur(picture, (0, 0), stage.blur)
    x, y = (int(value) for value in rng.integers(0, 64, 2))
    grain = pool[y : y + soft.shape[0], x : x + soft.shape[1]]
    noisy = soft + stage.noise * grain * (0.5 + soft)
    return np.asarray(np.clip(noisy * 255 + 0.5, 0, 255), np.uint8)
