"""The 2-D branch: the trunk of DeepGaitV2 (Fan et al., arXiv 2303.03301), written from the paper.

A residual network over silhouettes in three kinds of block. "2d": each frame by itself. "p3d": two
3×3 convolutions in space with a residual 3×1×1 convolution in time between them. "3d": 3×3×3.
The first stage is always 2-D, and time is never strided.

Tensors are kept as frames, (B·T)×C×H×W. In channels-last memory that is the same bytes as a
channels-last B×C×T×H×W, so stepping between space and time costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["BLOCKS", "Clip", "DeepGait", "FrameBlock"]

BLOCKS = ("2d", "p3d", "3d")
_STRIDES = (1, 2, 2, 1)  # of the four stages, in space


@dataclass(frozen=True)
class Clip:
    """Feature maps of a batch of sequences: frames (B·T)×C×H×W, and how to see them over time.

    keep: B×T bool, the real frames of a padded batch, or None when all are. Where it is given, padding
    is set to zero before each convolution in time, so that a padded sequence gives what it gives alone.
    """

    frames: Tensor
    length: int
    keep: Tensor | None = None

    def volume(self) -> Tensor:
        """B×C×T×H×W, padding set to zero."""
        frames = self.frames
        if self.keep is not None:
            frames = frames * self.keep.reshape(-1, 1, 1, 1).to(frames.dtype)
        return _over_time(frames, self.length)

    def replace(self, frames: Tensor) -> Clip:
        return Clip(frames, self.length, self.keep)


def _over_time(frames: Tensor, length: int) -> Tensor:
    """(B·T)×C×H×W to B×C×T×H×W, a view in either memory format."""
    return frames.unflatten(0, (-1, length)).transpose(1, 2)


def _as_frames(volume: Tensor) -> Tensor:
    """B×C×T×H×W to (B·T)×C×H×W, a view when time is next to the batch in memory."""
    return volume.transpose(1, 2).flatten(0, 1)


def _conv2d(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class FrameBlock(nn.Module):
    """Two 3×3 convolutions around an optional step in time, and the shortcut past them."""

    radius = 0  # frames to either side that one output frame sees

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv2d(inputs, outputs, stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv2d(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def step_in_time(self, clip: Clip) -> Clip:
        return clip

    def forward(self, clip: Clip) -> Clip:
        inner = self.step_in_time(clip.replace(torch.relu(self.norm1(self.conv1(clip.frames)))))
        outer = self.norm2(self.conv2(inner.frames))
        return clip.replace(torch.relu(outer + self.shortcut(clip.frames)))


class _SpaceThenTime(FrameBlock):
    """The pseudo-3-D block: between the two convolutions in space, a residual one in time."""

    radius = 1

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        self.time = nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.norm_time = nn.BatchNorm3d(outputs)

    def step_in_time(self, clip: Clip) -> Clip:
        moved = _as_frames(self.norm_time(self.time(clip.volume())))
        return clip.replace(torch.relu(clip.frames + moved))


class _SpaceTime(nn.Module):
    """The full 3-D block: two 3×3×3 convolutions."""

    radius = 2

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        steps = (1, stride, stride)
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride=steps, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride=steps, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, clip: Clip) -> Clip:
        volume = clip.volume()
        inner = clip.replace(_as_frames(torch.relu(self.norm1(self.conv1(volume))))).volume()
        outer = self.norm2(self.conv2(inner)) + self.shortcut(volume)
        return clip.replace(_as_frames(torch.relu(outer)))


_KINDS: dict[str, type[FrameBlock] | type[_SpaceTime]] = {
    "2d": FrameBlock,
    "p3d": _SpaceThenTime,
    "3d": _SpaceTime,
}


class DeepGait(nn.Module):
    """Silhouettes B×1×T×64×44, floats 0-1, to F0 B×channels[3]×T×16×11.

    blocks: "2d", "p3d" or "3d". layers: blocks in each of the four stages. channels: their widths.
    stem_stride 2 halves the picture before the first stage, and the third stage then keeps its size:
    F0 has 16 rows either way, at about a third of the cost. The paper has stem_stride 1.
    """

    def __init__(
        self,
        blocks: str = "p3d",
        layers: tuple[int, ...] = (1, 4, 4, 1),
        channels: tuple[int, ...] = (64, 128, 256, 512),
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        if blocks not in BLOCKS:
            raise ValueError(f"unknown block {blocks!r}: use one of {', '.join(BLOCKS)}")
        if len(layers) != 4 or len(channels) != 4 or stem_stride not in (1, 2):
            raise ValueError("DeepGait takes four stages and a stem stride of 1 or 2")
        self.stem = nn.Sequential(
            _conv2d(1, channels[0], stem_stride), nn.BatchNorm2d(channels[0]), nn.ReLU(inplace=True)
        )
        strides = list(_STRIDES)
        if stem_stride == 2:
            strides[2] = 1
        self.stages = nn.ModuleList()
        width = channels[0]
        for index, (count, outputs, stride) in enumerate(zip(layers, channels, strides, strict=True)):
            kind = _KINDS["2d" if index == 0 else blocks]
            stage = nn.Sequential(
                *(kind(width if i == 0 else outputs, outputs, stride if i == 0 else 1) for i in range(count))
            )
            self.stages.append(stage)
            width = outputs
        self.channels = width
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def radius(self) -> int:
        """Frames to either side that one frame of F0 sees: 0 for 2-D blocks."""
        return sum(block.radius for block in self.modules() if isinstance(block, (FrameBlock, _SpaceTime)))

    def forward(self, silhouettes: Tensor, keep: Tensor | None = None) -> Tensor:
        """keep: B×T bool, the real frames of a padded batch; None when all are."""
        frames = self.stem(_as_frames(silhouettes))
        clip = Clip(frames, silhouettes.shape[2], keep)
        for stage in self.stages:
            clip = stage(clip)
        return _over_time(clip.frames, clip.length)
