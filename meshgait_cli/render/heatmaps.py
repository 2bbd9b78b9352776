"""What the 3-D branch sees inside: joint volumes and joints over the silhouette."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..body.model import PARENTS
from ..network.decode import JOINTS

__all__ = ["heatmap_sheet", "joint_colour"]

_TILE = 224
_ROWS = ("silhouette and joints", "volumes, from the front", "volumes, from the side", "volumes, from above")


def joint_colour(joint: int) -> tuple[int, int, int]:
    """Left limbs warm, right limbs cold, the trunk grey-green: a swap of sides is seen at once."""
    left, right = (1, 4, 7, 10, 13, 16, 18, 20, 22), (2, 5, 8, 11, 14, 17, 19, 21, 23)
    if joint in left:
        hue = 0.0 + 0.12 * left.index(joint) / len(left)
    elif joint in right:
        hue = 0.52 + 0.12 * right.index(joint) / len(right)
    else:
        hue = 0.3
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85 if hue != 0.3 else 0.45, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def heatmap_sheet(
    silhouettes: NDArray[np.uint8],
    volumes: NDArray[np.floating],
    joints: NDArray[np.floating],
    labels: Sequence[str],
    alpha: float,
    title: str,
) -> NDArray[np.uint8]:
    """An RGB picture, a column a frame.

    silhouettes: N×64×64. volumes: N×P×D×H×W before the softmax (the first 24 of P are the joints).
    joints: N×24×3 in silhouette units. alpha: of the softmax.
    """
    count = len(silhouettes)
    sheet = Image.new("RGB", (count * _TILE + 12, 40 + len(_ROWS) * (_TILE + 26)), (18, 20, 24))
    pen = ImageDraw.Draw(sheet)
    pen.text((10, 8), title, fill=(235, 235, 235), font=ImageFont.load_default(19))
    small = ImageFont.load_default(13)
    for column in range(count):
        probability = _softmax(volumes[column, :JOINTS], alpha)
        pictures = (
            _skeleton(silhouettes[column], joints[column]),
            *(_projection(probability, axis) for axis in (1, 3, 2)),
        )
        for row, picture in enumerate(pictures):
            top = 40 + row * (_TILE + 26)
            name = f"{_ROWS[row]}  {labels[column]}" if column == 0 or row == 0 else labels[column]
            pen.text((10 + column * _TILE, top), name, fill=(150, 155, 165), font=small)
            sheet.paste(Image.fromarray(picture), (6 + column * _TILE, top + 20))
    return np.asarray(sheet, dtype=np.uint8)


def _softmax(volumes: NDArray[np.floating], alpha: float) -> NDArray[np.float64]:
    flat = alpha * volumes.reshape(len(volumes), -1).astype(np.float64)
    weights = np.exp(flat - flat.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)).reshape(volumes.shape)


def _projection(probability: NDArray[np.float64], axis: int) -> NDArray[np.uint8]:
    """Joints in their colours, summed along one axis of J×D×H×W. Each is scaled to its own peak, or to a
    quarter of the highest one: a joint that the network cannot place stays dark."""
    flat = probability.sum(axis)
    if axis == 3:  # rows stay rows, depth runs to the right
        flat = flat.transpose(0, 2, 1)
    peaks = flat.max((1, 2), keepdims=True)
    flat = flat / np.maximum(peaks, peaks.max() / 4)
    colours = np.array([joint_colour(joint) for joint in range(JOINTS)], dtype=np.float64)
    picture = np.clip(np.einsum("jab,jc->abc", flat**1.5, colours), 0, 255).astype(np.uint8)
    size = (_TILE - 8, _TILE - 8)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _skeleton(silhouette: NDArray[np.uint8], joints: NDArray[np.floating]) -> NDArray[np.uint8]:
    side = _TILE - 8
    grey = cv2.resize(silhouette, (side, side), interpolation=cv2.INTER_LINEAR)
    picture = np.repeat((grey * 0.35).astype(np.uint8)[..., None], 3, axis=2)
    places = np.round((joints[:, :2] + 0.5) * side).astype(int)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            ends = [tuple(int(v) for v in places[j]) for j in (joint, parent)]
            cv2.line(picture, ends[0], ends[1], joint_colour(joint), 2, cv2.LINE_AA)
    for joint in range(JOINTS):
        cv2.circle(picture, tuple(int(v) for v in places[joint]), 3, joint_colour(joint), -1, cv2.LINE_AA)
    return picture
