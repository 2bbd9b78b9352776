"""Exact search: every stored vector is read and compared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .table import Block

__all__ = ["nearest"]

_CHUNK = 4096  # rows compared at once: 16×256 floats each are 64 MB
Found = list[tuple[float, str, str]]


def nearest(blocks: Iterable[Block], queries: NDArray[np.float32], count: int) -> list[Found]:
    """For each of Q×parts×dim queries the `count` nearest rows: distance, id, identity, nearest first."""
    import torch

    asked = torch.from_numpy(np.ascontiguousarray(queries))
    best: list[Found] = [[] for _ in queries]
    for ids, identities, halves in blocks:
        for start in range(0, len(ids), _CHUNK):
            with torch.inference_mode():
                rows = torch.tensor(halves[start : start + _CHUNK]).float()
                for number, query in enumerate(asked):
                    distance = torch.linalg.vector_norm(rows - query, dim=2).mean(1)
                    least = torch.topk(distance, min(count, len(rows)), largest=False)
                    found = [
                        (value, ids[start + index], identities[start + index])
                        for value, index in zip(least.values.tolist(), least.indices.tolist(), strict=True)
                    ]
                    best[number] = sorted(best[number] + found)[:count]
    return best
