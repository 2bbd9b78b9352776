"""The nearest by the exact distance, the mean over the parts of each part's L2: of all rows, or of an index's
candidates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..distance import part_distances
from .table import Block

__all__ = ["nearest", "reranked"]

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


def reranked(candidates: Block, query: NDArray[np.float32], count: int) -> Found:
    """The `count` nearest of some rows to one parts×dim query."""
    ids, identities, halves = candidates
    distances = part_distances(query[None], halves.astype(np.float32))[0]
    order = np.argsort(distances, kind="stable")[:count]
    return [(float(distances[row]), ids[row], identities[row]) for row in order]
