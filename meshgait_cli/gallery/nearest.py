"""The nearest by the exact distance, the mean over the parts of each part's L2: of all rows, or of an index's
candidates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..distance import part_distance
from .table import Block, Table

__all__ = ["found", "nearest", "reranked"]

_CHUNK = 256  # rows compared at once: 16×256 floats each are 4 MB, which stay in the processor's cache
_CANDIDATES = 200  # rows that an index proposes for the exact distance to decide about
Found = list[tuple[float, str, str]]


def found(rows: Table, queries: NDArray[np.float32], count: int, exact: bool) -> list[Found]:
    """As `Store.nearest` has it."""
    if not exact and rows.vectors_indexed():
        many = max(_CANDIDATES, 2 * count)
        return [reranked(rows.candidates(query, many), query, count) for query in queries]
    return nearest(rows.blocks(), queries, count)


def nearest(blocks: Iterable[Block], queries: NDArray[np.float32], count: int) -> list[Found]:
    """For each of Q×parts×dim queries the `count` nearest rows: distance, id, identity, nearest first."""
    import torch

    asked = torch.from_numpy(np.ascontiguousarray(queries))
    room = torch.empty((_CHUNK, *queries.shape[1:]))
    best: list[Found] = [[] for _ in queries]
    for ids, identities, halves in blocks:
        distances = torch.empty((len(asked), len(ids)))
        with torch.inference_mode():
            for start in range(0, len(ids), _CHUNK):
                rows = torch.tensor(halves[start : start + _CHUNK]).float()
                for number, query in enumerate(asked):
                    apart = torch.sub(rows, query, out=room[: len(rows)])
                    of_parts = torch.linalg.vector_norm(apart, dim=2)
                    distances[number, start : start + len(rows)] = of_parts.mean(1)
            least = torch.topk(distances, min(count, len(ids)), largest=False)
        for number, (values, indices) in enumerate(
            zip(least.values.tolist(), least.indices.tolist(), strict=True)
        ):
            found = [(value, ids[i], identities[i]) for value, i in zip(values, indices, strict=True)]
            best[number] = sorted(best[number] + found)[:count]
    return best


def reranked(candidates: Block, query: NDArray[np.float32], count: int) -> Found:
    """The `count` nearest of some rows to one parts×dim query."""
    ids, identities, halves = candidates
    distances = part_distance(query, halves.astype(np.float32))
    order = np.argsort(distances, kind="stable")[:count]
    return [(float(distances[row]), ids[row], identities[row]) for row in order]
