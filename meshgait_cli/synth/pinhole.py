"""A camera that stands somewhere: world metres (x left of the view, y up, z ahead; the floor is y = 0)
to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pinhole"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pinhole:
    """width, height: of the picture, pixels. focal: pixels. eye: metres above the floor. pitch: degrees
    downwards. roll: degrees."""

    width: int
    height: int
    focal: float
    eye: float
    pitch: float
    roll: float

    @property
    def axes(self) -> Array:
        """Rows right, down and ahead of the picture, in the world."""
        p, r = np.deg2rad(self.pitch), np.deg2rad(self.roll)
        right, down = np.array([-1.0, 0, 0]), np.array([0, -np.cos(p), -np.sin(p)])
        return np.stack(
            [
                np.cos(r) * right + np.sin(r) * down,
                np.cos(r) * down - np.sin(r) * right,
                [0, -np.sin(p), np.cos(p)],
            ]
        )

    def project(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """…×3 metres to …×3: x and y in pixels (edges at whole numbers), and metres ahead."""
        seen = (points - np.array([0, self.eye, 0])) @ self.axes.T
        ahead = np.maximum(seen[..., 2:], 0.05)
        flat = seen[..., :2] / ahead * self.focal + [self.width / 2, self.height / 2]
        return np.concatenate([flat, seen[..., 2:]], axis=-1).astype(np.float32)

    def rays(self) -> NDArray[np.float32]:
        """H×W×3 directions through the pixels, one metre ahead each."""
        x = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal
        y = (np.arange(self.height) + 0.5 - self.height / 2) / self.focal
        right, down, ahead = self.axes
        grid = x[None, :, None] * right + y[:, None, None] * down + ahead
        return grid.astype(np.float32)

    def scale(self, ahead: float) -> float:
        """Pixels a metre, so far ahead."""
        return self.focal / max(ahead, 0.05)
