"""The 3-D branch: volumes to identity features F1, with 3-D convolutions.

The paper says only that "3-D convolutions" lead from the heatmaps to F1; the layers here are our choice.
They read the raw volumes: a softmax would leave a few peaks and no gradient elsewhere, while batch norm
takes care of a raw volume's free offset and scale.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["VolumeFeatures"]


class VolumeFeatures(nn.Module):
    """Volumes to F1, N×C×16×W1, with C = channels[-1].

    A 1×1×1 convolution without bias mixes the J points into channels[0]: it is the matrix `mix`, which
    HeatmapEstimator.mixed applies, so `forward` takes N×channels[0]×D×H×W. Each further width is one
    3×3×3 convolution that halves the depth, and the first of them the width too. What depth is left is
    averaged.
    """

    def __init__(self, points: int, size: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ValueError("VolumeFeatures needs two widths or more")
        self.mix = nn.Parameter(torch.empty(channels[0], points))
        nn.init.kaiming_normal_(self.mix, nonlinearity="relu")
        layers: list[nn.Module] = [nn.BatchNorm3d(channels[0]), nn.ReLU(inplace=True)]
        depth = size
        for index, (inputs, outputs) in enumerate(pairwise(channels)):
            # Axes are rows, columns, depth: see HeatmapEstimator.
            rows = 2 if index == 0 and size == 32 else 1
            columns = 2 if index == 0 else 1
            stride = (rows, columns, 2 if depth > 1 else 1)
            layers += [
                nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm3d(outputs),
                nn.ReLU(inplace=True),
            ]
            depth = max(1, depth // 2)
        self.layers = nn.Sequential(*layers)
        self.channels = channels[-1]
        self._repeat = 2 if size == 8 else 1
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, mixed: Tensor) -> Tensor:
        maps = self.layers(mixed.permute(0, 1, 3, 4, 2)).mean(-1)
        return maps.repeat_interleave(self._repeat, dim=2) if self._repeat > 1 else maps
