"""What is done to silhouettes before they are learned from: other cameras, other segmentations.

Turning and perspective are OpenGait's augmentations; where joints are known they follow. The faults are those
that segmentation makes and keeps for a whole sequence: outlines too fat or too thin, feet or heads lost, a
piece missing.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..records import HEIGHT, SIDE_CUT

__all__ = ["carried", "turning", "varied", "warped", "worsened"]

_SHIFT = 2  # columns by which a silhouette may stand off centre
_DEGREES = 10.0
_LEAN = 0.1  # of the width, by which perspective moves a corner
Silhouettes = NDArray[np.uint8]
Truth = TypeVar("Truth", NDArray[np.float32], NDArray[np.float32] | None)


def varied(
    view: Silhouettes, truth: Truth, rng: np.random.Generator, augment: float, faults: float
) -> tuple[Silhouettes, Truth]:
    """A walk and its T×N×3 points, moved to the side, turned and worsened, all frames alike.

    augment, faults: chances, see `Recipe`. truth: None where nothing is known.
    """
    shift = int(rng.integers(-_SHIFT, _SHIFT + 1))
    matrix = turning(rng, augment, view.shape[1], view.shape[2])
    view = worsened(warped(_rolled(view, shift), matrix), rng, faults)
    if truth is not None:
        truth = carried(truth + np.array([shift / HEIGHT, 0, 0], np.float32), matrix)
    return np.ascontiguousarray(view), truth


def _rolled(view: Silhouettes, columns: int) -> Silhouettes:
    """T×H×W moved to the right, nought coming in."""
    view = np.roll(view, columns, axis=2)
    if columns > 0:
        view[..., :columns] = 0
    elif columns < 0:
        view[..., columns:] = 0
    return view


def turning(rng: np.random.Generator, chance: float, height: int, width: int) -> NDArray[np.float64]:
    """3×3 that takes a pixel's place (its centre at whole numbers) to where it is seen."""
    matrix = np.eye(3)
    if rng.random() < chance:
        angle = float(rng.uniform(-_DEGREES, _DEGREES))
        matrix[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    if rng.random() < chance:
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        moved = corners + rng.uniform(-_LEAN, _LEAN, (4, 2)).astype(np.float32) * width * [1, 0.5]
        matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32)) @ matrix
    return matrix


def carried(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """T×N×3 in silhouette units, as `warped` moves the 64×44 picture they are of; depths stay."""
    if (matrix == np.eye(3)).all():
        return points
    origin = np.array([HEIGHT / 2 - SIDE_CUT, HEIGHT / 2]) - 0.5
    place = np.concatenate([points[..., :2] * HEIGHT + origin, np.ones_like(points[..., :1])], axis=-1)
    place = place @ matrix.T
    flat = (place[..., :2] / place[..., 2:] - origin) / HEIGHT
    return np.concatenate([flat, points[..., 2:]], axis=-1).astype(np.float32)


def warped(view: Silhouettes, matrix: NDArray[np.float64]) -> Silhouettes:
    """T×H×W seen through a matrix of `turning`."""
    if (matrix == np.eye(3)).all():
        return view
    height, width = view.shape[1:]
    return np.stack([cv2.warpPerspective(frame, matrix, (width, height)) for frame in view])


def worsened(view: Silhouettes, rng: np.random.Generator, chance: float) -> Silhouettes:
    """T×H×W; with `chance` each of the faults, the same in every frame."""
    view = np.ascontiguousarray(view)
    height, width = view.shape[1:]
    if rng.random() < chance:
        change = cv2.dilate if rng.random() < 0.5 else cv2.erode
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        view = np.stack([change(frame, disc) for frame in view])
    if rng.random() < chance:
        view = view.copy()
        rows = int(rng.integers(1, 5))
        if rng.random() < 0.7:
            view[:, height - rows :] = 0
        else:
            view[:, :rows] = 0
    if rng.random() < chance:
        view = view.copy()
        y, x = int(rng.integers(height // 6, 5 * height // 6)), int(rng.integers(width // 4, 3 * width // 4))
        tall, wide = (int(each) for each in rng.integers(3, 9, 2))
        view[:, y : y + tall, x : x + wide] = 0
    return view
