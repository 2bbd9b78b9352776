"""The distance by which gait is compared: the mean over the parts of the per-part Euclidean distance.

Not one flat L2 of the whole embedding (OpenGait's metric, Fan et al., arXiv 2211.06597).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["part_distance", "part_distances"]

_BLOCK = 64_000_000  # floats in one block of products


def part_distance(query: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """query: parts×dim. others: N×parts×dim. Returns N distances."""
    return np.linalg.norm(others - query[None], axis=2).mean(axis=1)


def part_distances(probes: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """probes: Q×parts×dim. gallery: G×parts×dim. Returns Q×G distances, computed in blocks of probes."""
    out = np.empty((len(probes), len(gallery)), np.float32)
    parts = gallery.shape[1]
    # What all have in common adds to no distance, only to what rounding takes from small ones.
    middle = gallery.mean(0)
    right = np.array(gallery.transpose(1, 2, 0), np.float32, order="C")  # parts×dim×G
    right -= middle[..., None]
    norms = np.square(right).sum(1)[:, None]
    step = max(1, _BLOCK // max(1, parts * len(gallery)))
    for start in range(0, len(probes), step):
        left = np.ascontiguousarray((probes[start : start + step] - middle).transpose(1, 0, 2))
        square = np.square(left).sum(2)[..., None] + norms - 2 * (left @ right)
        out[start : start + step] = np.sqrt(np.maximum(square, 0)).mean(0)
    return out
