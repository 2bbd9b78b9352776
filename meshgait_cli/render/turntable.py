"""A body from all sides, at a few moments of its walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..body.shade import shade

__all__ = ["VIEWS", "turned", "turntable"]

VIEWS = (0, 45, 90, 135, 180, 225, 270, 315)  # degrees about the vertical
_TILE_H, _TILE_W = 240, 170
_LEFT, _TOP = 78, 62
_PAPER, _INK, _PALE = (250, 250, 247), (40, 40, 40), (120, 120, 120)


def turned(vertices: NDArray[np.floating], degrees: float, tilt: float = 8.0) -> NDArray[np.float64]:
    """V×3 in silhouette units turned about the vertical, then tilted as if seen from a little above."""
    a, e = np.deg2rad(degrees), np.deg2rad(tilt)
    about = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    down = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    return np.asarray(vertices, dtype=np.float64) @ (down @ about).T


def turntable(
    meshes: Sequence[NDArray[np.floating]],
    labels: Sequence[str],
    faces: NDArray[np.integer],
    colour: tuple[int, int, int],
    title: str,
) -> NDArray[np.uint8]:
    """An RGB picture: a row for each V×3 mesh (silhouette units), a column for each of VIEWS."""
    size = (_LEFT + len(VIEWS) * _TILE_W + 12, _TOP + len(meshes) * _TILE_H + 12)
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((14, 10), title, fill=_INK, font=ImageFont.load_default(20))
    small = ImageFont.load_default(13)
    for column, view in enumerate(VIEWS):
        name = "as the camera saw it" if view == 0 else f"turned {view}°"
        pen.text((_LEFT + (column + 0.5) * _TILE_W, 42), name, fill=_PALE, font=small, anchor="ma")
    scale = _TILE_H * 0.86
    for row, (mesh, label) in enumerate(zip(meshes, labels, strict=True)):
        centred = mesh - (mesh.min(0) + mesh.max(0)) / 2
        pen.text((14, _TOP + (row + 0.5) * _TILE_H), label, fill=_PALE, font=small, anchor="lm")
        for column, view in enumerate(VIEWS):
            left, top = _LEFT + column * _TILE_W, _TOP + row * _TILE_H
            shadow = [
                left + _TILE_W * 0.27,
                top + _TILE_H * 0.9,
                left + _TILE_W * 0.73,
                top + _TILE_H * 0.965,
            ]
            pen.ellipse(shadow, fill=(232, 232, 228))
            points = turned(centred, view) * scale + [_TILE_W / 2, _TILE_H / 2, 0]
            layer = shade(points, faces, _TILE_H, _TILE_W, colour)
            sheet.paste(Image.fromarray(layer[..., :3]), (left, top), Image.fromarray(layer[..., 3]))
    return np.asarray(sheet, dtype=np.uint8)
