"""The body the network saw, laid back over the video it was seen in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..body.shade import shade
from ..records import HEIGHT, Frame
from ..video.encode import VideoWriter
from .gl import Shader

__all__ = ["Shown", "draw", "place_in_picture", "write_overlay"]

ALPHA = 0.88
MAX_HEIGHT_PX = 720  # taller overlays are scaled down: the body holds no finer detail


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One person to draw. frames: T picture numbers. transform: T×3 (scale, left, top).
    vertices_at: t ↦ V×3 in silhouette units, made when it is drawn, so that memory stays flat."""

    frames: NDArray[np.int64]
    transform: NDArray[np.float32]
    faces: NDArray[np.int32]
    colour: tuple[int, int, int]
    vertices_at: Callable[[int], NDArray[np.float32]]


def place_in_picture(points: NDArray[np.floating], transform: NDArray[np.floating]) -> NDArray[np.float64]:
    """N×3 silhouette units to N×3 picture pixels, through the inverse of the silhouette's transform.

    transform: (scale, left, top) of that frame. Depth is scaled alike: a weak-perspective camera.
    """
    scale, left, top = (float(value) for value in transform)
    pixels = np.asarray(points, dtype=np.float64) * (HEIGHT / scale)
    pixels[:, 0] += left + HEIGHT / 2 / scale
    pixels[:, 1] += top + HEIGHT / 2 / scale
    return pixels


def draw(
    image: NDArray[np.uint8],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    colour: tuple[int, int, int],
    alpha: float = ALPHA,
    shader: Shader = shade,
) -> None:
    """Draw a mesh (V×3 picture pixels) over an RGB image, in place; what lies outside is left out."""
    height, width = image.shape[:2]
    low = np.floor(vertices[:, :2].min(0) - 2).clip(0, (width, height)).astype(int)
    high = np.ceil(vertices[:, :2].max(0) + 2).clip(0, (width, height)).astype(int)
    if (high <= low).any():
        return
    moved = vertices - [low[0], low[1], 0]
    layer = shader(moved, faces, high[1] - low[1], high[0] - low[0], colour, samples=1)
    weight = layer[..., 3:].astype(np.float32) * (alpha / 255)
    patch = image[low[1] : high[1], low[0] : high[0]]
    patch[:] = np.round(patch * (1 - weight) + layer[..., :3] * weight).astype(np.uint8)


def write_overlay(
    path: Path,
    frames: Iterable[Frame],
    size: tuple[int, int],
    fps: float,
    people: list[Shown],
    progress: Callable[[int], None] | None = None,
    shader: Shader = shade,
) -> int:
    """Draw the people over a video's frames into an .mp4; size: (width, height) of the frames.

    Returns the number of frames that somebody was drawn in. Nearer people are drawn over farther ones:
    the larger the body, the nearer.
    """
    import cv2

    shrink = min(1.0, MAX_HEIGHT_PX / size[1])
    out = (max(2, round(size[0] * shrink)), max(2, round(size[1] * shrink)))
    rows = [{int(frame): row for row, frame in enumerate(person.frames)} for person in people]
    drawn = 0
    with VideoWriter(path, fps, *out) as writer:
        for frame in frames:
            image = frame.image
            if shrink < 1:
                image = np.asarray(cv2.resize(image, out, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            here = [
                (p, row)
                for p, of in zip(people, rows, strict=True)
                if (row := of.get(frame.index)) is not None
            ]
            if here:
                image = image.copy()
                drawn += 1
            for person, row in sorted(here, key=lambda item: -float(item[0].transform[item[1], 0])):
                vertices = place_in_picture(person.vertices_at(row), person.transform[row])
                draw(image, vertices * shrink, person.faces, person.colour, shader=shader)
            writer.write(image)
            if progress:
                progress(frame.index + 1)
    return drawn
