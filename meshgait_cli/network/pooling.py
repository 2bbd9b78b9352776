"""Pooling a sequence of feature maps to one vector per horizontal strip.

Both steps act on each channel by itself, so pooling two branches and then concatenating their channels
is the same as concatenating first; maps of different widths need no alignment.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["frame_mask", "horizontal_pool", "temporal_pool"]


def frame_mask(lengths: Tensor | None, frames: int) -> Tensor | None:
    """B×T bool: which frames of a padded batch are real. lengths: B int, or None when all are."""
    if lengths is None:
        return None
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]


def temporal_pool(maps: Tensor, keep: Tensor | None = None) -> Tensor:
    """B×C×T×H×W to B×C×H×W: the maximum over time (TP). keep: B×T bool, the frames that count."""
    if keep is not None:
        maps = maps.masked_fill(~keep[:, None, :, None, None], float("-inf"))
    return maps.amax(dim=2)


def horizontal_pool(maps: Tensor, bins: int = 16) -> Tensor:
    """B×C×H×W to B×C×bins: the mean plus the maximum of each horizontal strip (HPP, one scale).

    H must be a multiple of bins (arXiv 1804.05275; one scale of 16, as DeepGaitV2 has it).
    """
    strips = maps.reshape(*maps.shape[:2], bins, -1)
    return strips.mean(-1) + strips.amax(-1)
