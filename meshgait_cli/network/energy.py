"""The energy branch: the mean and the spread of a whole sequence's silhouettes, read as one picture.

Averaged over time, a walk is a gait-energy image (Han and Bhanu, PAMI 2006): it says little about motion and
much about shape, and costs one pass a sequence instead of one a frame. That is what makes it worth having
beside the two branches of Mesh-Gait where compute is scarce; it is ours, not the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .deepgait import Clip, FrameBlock

__all__ = ["EnergyBranch", "Moments"]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over time that can be added up window by window.

    count: B frames. total, square: B×64×44, of the silhouettes and of their squares.
    """

    count: Tensor
    total: Tensor
    square: Tensor

    @classmethod
    def of(cls, silhouettes: Tensor, keep: Tensor | None = None) -> Moments:
        """silhouettes: B×T×64×44. keep: B×T bool, the real frames of a padded batch."""
        if keep is None:
            count = silhouettes.new_full((len(silhouettes),), float(silhouettes.shape[1]))
            return cls(count, silhouettes.sum(1), silhouettes.square().sum(1))
        weight = keep[:, :, None, None].to(silhouettes.dtype)
        kept = silhouettes * weight
        return cls(weight.sum((1, 2, 3)), kept.sum(1), kept.square().sum(1))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.square + other.square)

    def picture(self) -> Tensor:
        """B×2×64×44: the mean, and the standard deviation over time."""
        count = self.count.clamp(min=1)[:, None, None]
        mean = self.total / count
        spread = (self.square / count - mean.square()).clamp(min=0).sqrt()
        return torch.stack([mean, spread], dim=1)


class EnergyBranch(nn.Module):
    """B×2×64×44 pictures to B×channels[-1]×16×11: a 5×5 stem of stride 2, then a residual block a stage, the
    second of stride 2."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ValueError("the energy branch takes two stages or more")
        self.stem = nn.Sequential(
            nn.Conv2d(2, channels[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),
        )
        widths = (channels[0], *channels)
        self.stages = nn.Sequential(
            *(
                FrameBlock(before, after, 2 if index == 1 else 1)
                for index, (before, after) in enumerate(zip(widths, channels, strict=False))
            )
        )
        self.channels = channels[-1]

    def forward(self, pictures: Tensor) -> Tensor:
        found: Clip = self.stages(Clip(self.stem(pictures), 1))
        return found.frames
