"""How far reconstructed points lie from the true ones: the mean per joint or vertex (MPJPE, MPVPE)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["procrustes_error", "root_aligned_error"]

Array = NDArray[np.float64]


def root_aligned_error(predicted: NDArray[np.floating], truth: NDArray[np.floating], root: int = 0) -> Array:
    """T×N×3 and T×N×3 to T mean distances, both moved so that point `root` is the origin; in their unit."""
    moved = (predicted - predicted[:, root : root + 1]) - (truth - truth[:, root : root + 1])
    return np.asarray(np.linalg.norm(moved, axis=2).mean(1), dtype=np.float64)


def procrustes_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> Array:
    """The same after the best similarity (turn, scale, shift; no reflection) of each frame (PA-MPJPE)."""
    p = np.asarray(predicted, dtype=np.float64) - predicted.mean(1, keepdims=True)
    t = np.asarray(truth, dtype=np.float64) - truth.mean(1, keepdims=True)
    u, s, vt = np.linalg.svd(p.transpose(0, 2, 1) @ t)
    sign = np.ones_like(s)
    sign[:, -1] = np.sign(np.linalg.det(u @ vt))
    turn = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / np.maximum(np.square(p).sum((1, 2)), 1e-12)
    return np.asarray(np.linalg.norm(scale[:, None, None] * (p @ turn) - t, axis=2).mean(1), dtype=np.float64)
