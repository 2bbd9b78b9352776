"""The heads: one linear map per part, and the BNNeck classifier that training puts behind it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CE_SCALE", "BNNecks", "SeparateFCs"]

CE_SCALE = 16.0  # multiplies the cosine logits in the cross-entropy


class SeparateFCs(nn.Module):
    """A linear map of its own for each part, without bias: B×C×P to B×P×dim."""

    def __init__(self, parts: int, channels: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(parts, channels, dim))
        for part in self.weight.data:
            nn.init.xavier_uniform_(part)

    def forward(self, features: Tensor) -> Tensor:
        return torch.einsum("bcp,pcd->bpd", features, self.weight)


class BNNecks(nn.Module):
    """Batch norm and a cosine classifier for each part (arXiv 1906.08332), for training only.

    B×P×dim to logits B×P×classes in [-1, 1]; both the normalised feature and the class weights have unit
    length, so multiply by CE_SCALE before the softmax. Identities are compared before this layer.
    """

    def __init__(self, parts: int, dim: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(parts * dim)
        self.weight = nn.Parameter(torch.empty(parts, dim, classes))
        for part in self.weight.data:
            nn.init.xavier_uniform_(part)

    def forward(self, features: Tensor) -> Tensor:
        normed = F.normalize(self.norm(features.flatten(1)).reshape(features.shape), dim=-1)
        return torch.einsum("bpd,pdk->bpk", normed, F.normalize(self.weight, dim=1))
