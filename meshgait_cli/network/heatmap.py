"""The heatmap estimator: HRNet over each silhouette, to one probability volume per joint and marker.

HRNet (arXiv 1908.07919, timm's) has a stem of stride 4, so a 64×64 silhouette gives 16×16 maps in its
highest-resolution branch; a 1×1 convolution turns their channels into J·D values, which are J volumes of
D×H×W with D = H = W. Silhouettes come 44 wide and are padded back to 64, so a volume's x and y axes span
the whole 64×64 silhouette.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from timm.models.hrnet import HighResolutionNet, cfg_cls
from torch import Tensor, nn
from torch.nn import functional as F

from ..records import SIDE_CUT

__all__ = ["HRNETS", "HeatmapEstimator"]


def _stage(branches: int, blocks: int, width: int) -> dict[str, Any]:
    return {
        "num_modules": 1,
        "num_branches": branches,
        "block_type": "BASIC",
        "num_blocks": (blocks,) * branches,
        "num_channels": tuple(width * 2**i for i in range(branches)),
        "fuse_method": "SUM",
    }


# Our own, for training on a CPU: the form of HRNet with one block wherever W18-small has two.
_TINY: dict[str, Any] = {
    "stem_width": 16,
    "stage1": {
        "num_modules": 1,
        "num_branches": 1,
        "block_type": "BOTTLENECK",
        "num_blocks": (1,),
        "num_channels": (16,),
        "fuse_method": "SUM",
    },
    "stage2": _stage(2, 1, 16),
    "stage3": _stage(3, 1, 16),
    "stage4": _stage(4, 1, 16),
}

HRNETS = ("tiny", "w18_small", "w18", "w32", "w48")


def _hrnet(name: str, all_branches: bool) -> HighResolutionNet:
    """The backbone without classifier, and without the last fusions into branches nobody reads."""
    if name not in HRNETS:
        raise ValueError(f"unknown HRNet {name!r}: use one of {', '.join(HRNETS)}")
    config = _TINY if name == "tiny" else cfg_cls[f"hrnet_{name}"]
    net = HighResolutionNet(deepcopy(config), in_chans=1, head="")
    last = net.stage4[-1]
    if not all_branches:
        last.fuse_layers = last.fuse_layers[:1]
    return net


class HeatmapEstimator(nn.Module):
    """Silhouettes B×1×T×64×44, floats 0-1, to volumes (B·T)×J×D×H×W, unnormalised.

    hrnet: one of HRNETS. points: J. size: D = H = W, 8, 16 or 32; 16 is what HRNet gives, for the others
    its maps are averaged or interpolated. squeeze: 0 reads the finest branch alone, as the paper; else all
    branches are brought to its size (HRNetV2) and reduced to so many channels. A small HRNet's finest
    branch has 16, too few to place 88 points independently.
    """

    def __init__(self, hrnet: str, points: int, size: int = 16, squeeze: int = 0) -> None:
        super().__init__()
        if size not in (8, 16, 32):
            raise ValueError(f"volumes are 8, 16 or 32 wide, not {size}")
        self.backbone = _hrnet(hrnet, squeeze > 0)
        self.points, self.size = points, size
        widths = self.backbone.stage4_cfg["num_channels"]
        width = squeeze or widths[0]
        self.squeeze: nn.Sequential | None = None
        if squeeze:
            self.squeeze = nn.Sequential(
                nn.Conv2d(sum(widths), squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU(inplace=True)
            )
        # Channels run depth first, then point: in channels-last memory the volumes are then
        # channels-last volumes already, and the convolutions behind need no copy.
        self.to_volumes = nn.Conv2d(width, size * points, 1)
        nn.init.normal_(self.to_volumes.weight, std=0.01)
        assert self.to_volumes.bias is not None
        nn.init.zeros_(self.to_volumes.bias)

    def maps(self, silhouettes: Tensor) -> Tensor:
        """(B·T)×C×H×W: what the volumes are a linear map of, at every row and column."""
        frames = silhouettes.transpose(1, 2).flatten(0, 1)
        frames = F.pad(frames, (SIDE_CUT, SIDE_CUT))
        branches = self.backbone.forward_features(frames)
        maps = branches[0]
        if self.squeeze is not None:
            size = maps.shape[-2:]
            coarse = [F.interpolate(branch, size=size, mode="nearest") for branch in branches[1:]]
            maps = self.squeeze(torch.cat([maps, *coarse], dim=1))
        if self.size == 8:
            maps = F.avg_pool2d(maps, 2)
        elif self.size == 32:
            maps = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
        return maps

    def volumes(self, maps: Tensor, points: Tensor | None = None) -> Tensor:
        """N×C×H×W maps to N×J×D×H×W volumes. points: the numbers of the J points that are wanted; None for
        all of them."""
        if points is None:
            return self.to_volumes(maps).unflatten(1, (self.size, self.points)).transpose(1, 2)
        depths = torch.arange(self.size, device=points.device)[:, None]
        rows = (depths * self.points + points).flatten()
        bias = self.to_volumes.bias
        assert bias is not None
        some = F.conv2d(maps, self.to_volumes.weight[rows], bias[rows])
        return some.unflatten(1, (self.size, len(points))).transpose(1, 2)

    def mixed(self, maps: Tensor, mix: Tensor) -> Tensor:
        """N×M×D×H×W: the sums over points of mix (M×J) times volumes, without making the volumes.

        The volumes are linear in the maps, so the two matrices are multiplied first; 88 volumes of 16³ are
        1.4 MB a frame, and writing and reading them is most of what the 3-D branch costs on a CPU.
        """
        weight = self.to_volumes.weight[:, :, 0, 0].unflatten(0, (self.size, self.points))
        bias = self.to_volumes.bias
        assert bias is not None
        folded = torch.einsum("mj,djc->dmc", mix, weight).flatten(0, 1)
        shift = torch.einsum("mj,dj->dm", mix, bias.unflatten(0, (self.size, self.points))).flatten()
        mixed = F.conv2d(maps, folded[:, :, None, None], shift)
        return mixed.unflatten(1, (self.size, len(mix))).transpose(1, 2)

    def forward(self, silhouettes: Tensor) -> Tensor:
        return self.volumes(self.maps(silhouettes))
