"""How far reconstructed points lie from the true ones: each, or the mean of a frame (MPJPE, MPVPE)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["procrustes", "procrustes_error", "root_aligned", "root_aligned_error"]

Array = NDArray[np.float64]
Points = NDArray[np.floating]


def root_aligned(predicted: Points, truth: Points, root: int = 0) -> Array:
    """T×N×3 and T×N×3 to T×N distances, both moved so that point `root` is the origin; in their unit."""
    moved = (predicted - predicted[:, root : root + 1]) - (truth - truth[:, root : root + 1])
    return np.asarray(np.linalg.norm(moved, axis=2), dtype=np.float64)


def root_aligned_error(predicted: Points, truth: Points, root: int = 0) -> Array:
    """T means of those."""
    return np.asarray(root_aligned(predicted, truth, root).mean(1))


def procrustes(predicted: Points, truth: Points) -> Array:
    """T×N distances after the best similarity (turn, scale, shift; no reflection) of each frame."""
    p = np.asarray(predicted, dtype=np.float64) - predicted.mean(1, keepdims=True)
    t = np.asarray(truth, dtype=np.float64) - truth.mean(1, keepdims=True)
    u, s, vt = np.linalg.svd(p.transpose(0, 2, 1) @ t)
    sign = np.ones_like(s)
    sign[:, -1] = np.sign(np.linalg.det(u @ vt))
    turn = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / np.maximum(np.square(p).sum((1, 2)), 1e-12)
    return np.asarray(np.linalg.norm(scale[:, None, None] * (p @ turn) - t, axis=2), dtype=np.float64)


def procrustes_error(predicted: Points, truth: Points) -> Array:
    """T means of those (PA-MPJPE)."""
    return np.asarray(procrustes(predicted, truth).mean(1))
