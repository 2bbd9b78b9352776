"""The recognition network as the backends see it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..backends.graph import Graph
from ..records import HEIGHT, WIDTH
from .meshgait import MeshGait

__all__ = ["BOUND", "PREFIX", "Recognition", "graph_of"]

PREFIX = "network."  # of the tensors' names in the graph
BOUND = 0.02  # of the embedding, ‖y − y₀‖ / ‖y₀‖: two walks of one person differ by some ten times as much
_SAMPLE = (2, 15)  # walks, frames: as many as a second of walking has, mirrored


class Recognition(nn.Module):
    """Silhouettes to an embedding, nothing else: B×T×64×44 floats 0-1 to B×16×dim."""

    def __init__(self, network: MeshGait) -> None:
        super().__init__()
        self.network = network

    def forward(self, silhouettes: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.network.embed(silhouettes, lengths)


def graph_of(network: MeshGait, identity: str, file: Path | None = None) -> Graph:
    """For any number of walks of one length. identity: the weights'. file: where it is already, as ONNX.

    Only torch takes `lengths` besides, so it alone can embed walks of several lengths together.
    """
    walks, frames = _SAMPLE
    drawn = torch.rand(walks, frames, HEIGHT // 8, WIDTH // 11, generator=torch.Generator().manual_seed(0))
    # Soft-edged patches, half of the picture: nearer to silhouettes than noise is.
    sample = (F.interpolate(drawn, (HEIGHT, WIDTH), mode="bicubic") * 8 - 3.5).clamp(0, 1)
    return Graph(
        name=f"gait-{network.config.name}",
        identity=identity,
        build=lambda: Recognition(network).eval(),
        sample=(sample,),
        inputs=("silhouettes",),
        outputs=("embeddings",),
        free=({0: "walks", 1: "frames"},),
        bound=BOUND,
        file=file,
    )
