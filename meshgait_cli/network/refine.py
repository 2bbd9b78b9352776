"""A walk's points, put right by one another.

The heatmaps see one frame at a time, and an outline says little of depth; but a walk repeats itself, legs go
in turn, and a body that is hidden in one frame is seen in the next. So a small network reads the points of
all frames of a walk and corrects each: dilated convolutions over time, as VideoPose3D has them
(Pavllo et al., CVPR 2019), on points that another network placed, as SmoothNet does (Zeng et al., ECCV 2022).
It is ours, not Mesh-Gait's, and recognition never runs it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..body.reflection import MIRROR, mirrored_points, reflected_points, settle

__all__ = ["PoseRefiner", "refined"]

DILATIONS = (1, 2, 4, 1, 2, 4)
PASSES = 3
LENGTH = 24  # frames that are read together: about as many as it learned from
_SPREAD = 4.0  # by which points are multiplied, to about unit spread; corrections are small beside them
_LEAST = 1e-4  # of a confidence, of which the logarithm is read


class _Block(nn.Module):
    """A residual step: what the frames around say, and what all frames say on the mean."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv1d(
            channels, channels, 3, padding=dilation, dilation=dilation, padding_mode="replicate"
        )
        self.all = nn.Linear(channels, channels)
        self.out = nn.Conv1d(channels, channels, 1)
        for each in (self.out.weight, self.out.bias):
            assert each is not None
            nn.init.zeros_(each)

    def forward(self, features: Tensor) -> Tensor:
        level = F.layer_norm(features.transpose(1, 2), features.shape[1:2]).transpose(1, 2)
        seen = self.near(level)
        seen = seen + self.all(seen.mean(2))[:, :, None]
        return features + self.out(F.gelu(seen))


class PoseRefiner(nn.Module):
    """B×T×J×3 points in silhouette units and B×T×J confidences to corrected points, B×T×J×3.

    At first it corrects nothing. Points are as a network decoded them, frame by frame: which of the two
    bodies with one outline a frame shows (`body.reflection`) is among what it corrects.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.channels = channels
        self.read = nn.Conv1d(4 * points, channels, 1)
        self.blocks = nn.ModuleList(_Block(channels, dilation) for dilation in DILATIONS)
        self.write = nn.Conv1d(channels, 3 * points, 1)
        for each in (self.write.weight, self.write.bias):
            assert each is not None
            nn.init.zeros_(each)

    def forward(self, points: Tensor, confidences: Tensor) -> Tensor:
        trust = confidences.clamp(min=_LEAST).log() / _SPREAD + 1
        features = torch.cat([(points * _SPREAD).flatten(2), trust], dim=2).transpose(1, 2)
        features = self.read(features)
        for block in self.blocks:
            features = block(features)
        change = self.write(features).transpose(1, 2).unflatten(2, points.shape[2:])
        return points + change / (2 * _SPREAD)


def refined(
    refiner: PoseRefiner, points: NDArray[np.float32], confidences: NDArray[np.float32]
) -> NDArray[np.float32]:
    """T×88×3 points of one uninterrupted walk and T×88 confidences to T×88×3.

    Where a network took now the one and now the other of the two bodies with one outline, the refiner is torn
    between them, and legs draw together. So the walk is settled on the bodies nearest to what came out, and
    refined anew, PASSES times in all.
    """
    found = _once(refiner, points, confidences)
    for _ in range(PASSES - 1):
        settled, turned = settle(points, near=found)
        sure = np.where(turned[:, None], confidences[:, list(MIRROR)], confidences)
        found = _once(refiner, settled, sure)
    return found


@torch.inference_mode()
def _once(
    refiner: PoseRefiner, points: NDArray[np.float32], confidences: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Long walks are read in windows that overlap by half, each taken as the body that the one before saw, or
    as its reflection, whichever is nearer to that where they overlap; of each window the middle counts most.
    A walk and its mirror image are corrected alike."""
    where = next(refiner.parameters()).device
    whole = torch.from_numpy(np.ascontiguousarray(points, np.float32)).to(where)
    trust = torch.from_numpy(np.ascontiguousarray(confidences, np.float32)).to(where)
    found, weight = torch.zeros_like(whole), whole.new_zeros(len(whole))
    for window in _windows(len(whole)):
        own = _corrected(refiner, whole[window], trust[window])
        before = weight[window] > 0
        if before.any():
            there = found[window][before] / weight[window][before][:, None, None]
            own = _nearer(own, there, before)
        ramp = 1 - torch.linspace(-1, 1, len(own) + 2, device=where)[1:-1].abs()
        found[window] += ramp[:, None, None] * own
        weight[window] += ramp
    return np.asarray((found / weight[:, None, None]).cpu().numpy())


def _corrected(refiner: PoseRefiner, points: Tensor, confidences: Tensor) -> Tensor:
    """The mean of T×88×3 corrected, and of the mirror image corrected and mirrored."""
    other = confidences[:, list(MIRROR)]
    turned = torch.stack([points, mirrored_points(points)])
    straight, flipped = refiner(turned, torch.stack([confidences, other]))
    return (straight + _nearer(mirrored_points(flipped), straight)) / 2


def _nearer(points: Tensor, to: Tensor, rows: Tensor | None = None) -> Tensor:
    """T×88×3, or its reflection in depth, whichever is nearer to `to` (in those rows)."""
    both = [points, reflected_points(points)]
    straight, deep = ((each if rows is None else each[rows]) - to for each in both)
    return both[int(deep.abs().mean() < straight.abs().mean())]


def _windows(frames: int) -> list[slice]:
    """All frames at once, or windows of LENGTH, each half a window after the one before, the last at the
    end."""
    if frames <= LENGTH:
        return [slice(0, frames)]
    starts = [*range(0, frames - LENGTH, LENGTH // 2), frames - LENGTH]
    return [slice(start, start + LENGTH) for start in starts]
