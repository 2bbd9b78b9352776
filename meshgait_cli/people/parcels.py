"""How many pictures go through a network together: in few sizes, for each size keeps a prepared form.

OpenVINO prepares operations for every shape it meets, tens of megabytes for a batch of people, so that a long
video, in which sooner or later every number of people comes up, needs more memory than a short one. Fours
are as fast on a CPU as eights.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

__all__ = ["parcels"]

_SIZES = {"cpu": (4, 2, 1), "cuda": (64, 32, 16, 8, 4, 2, 1)}


def parcels(count: int, device: torch.device, most: int = 64) -> Iterator[slice]:
    """`count` things divided into slices whose lengths are few, none longer than `most`, which is a power
    of two."""
    start = 0
    while start < count:
        sizes = _SIZES.get(device.type, (1,))
        length = next(size for size in sizes if size <= min(count - start, most))
        yield slice(start, start + length)
        start += length
