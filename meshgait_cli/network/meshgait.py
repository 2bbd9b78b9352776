"""Mesh-Gait (arXiv 2510.10406): silhouettes to an identity embedding, and to a body when asked.

silhouettes ─► DeepGait ───────────────────────► F0 ─┐
    │                                                ├─► TP ─► HPP ─► FCs ─► embedding ─► BNNecks
    ├────────► HRNet ─► volumes ─► 3-D convs ──► F1 ─┤                                  (training)
    │                     └─► BodyDecoder ─► joints, markers, mesh          (training, rendering)
    └─ mean and spread over time ─► EnergyBranch ────┘                      (where a variant has one)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from .decode import ALPHA, MESH_DECODERS, POINTS, BodyDecoder, Reconstruction
from .deepgait import BLOCKS, DeepGait
from .energy import EnergyBranch, Moments
from .heads import BNNecks, SeparateFCs
from .heatmap import HRNETS, HeatmapEstimator
from .pooling import frame_mask, horizontal_pool, temporal_pool
from .refine import PoseRefiner
from .volumes import VolumeFeatures

__all__ = ["FUSIONS", "GaitOutput", "MeshGait", "ModelConfig", "Pooled"]

FUSIONS = ("concat", "add", "silhouette", "heatmap", "energy")
PARTS = 16  # horizontal strips


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides a network's shape.

    fusion: "concat" (the paper), "add", or one branch alone: "silhouette" (2-D), "heatmap" (3-D), "energy".
    energy: channels of the EnergyBranch's stages; where there are any, it stands beside the others.
    blocks, layers, channels, stem_stride: see DeepGait. hrnet, squeeze, volume_size: see HeatmapEstimator.
    volume_channels: see VolumeFeatures. embedding_dim: per part. stretch: frames that are embedded together:
    a longer sequence is the mean of several such, 0 for all at once (people turn, and a mean silhouette over
    a turn shows neither side). alpha, mesh_decoder,
    detach_before_mesh, refiner: see BodyDecoder.
    """

    name: str
    fusion: str = "concat"
    blocks: str = "p3d"
    layers: tuple[int, ...] = (1, 4, 4, 1)
    channels: tuple[int, ...] = (64, 128, 256, 512)
    stem_stride: int = 1
    hrnet: str = "w48"
    squeeze: int = 0
    volume_size: int = 16
    volume_channels: tuple[int, ...] = (64, 64, 128, 256)
    energy: tuple[int, ...] = ()
    embedding_dim: int = 256
    stretch: int = 0
    alpha: float = ALPHA
    mesh_decoder: str = "linear"
    detach_before_mesh: bool = False
    refiner: int = 0

    def __post_init__(self) -> None:
        for field, allowed in (
            ("fusion", FUSIONS),
            ("blocks", BLOCKS),
            ("hrnet", HRNETS),
            ("mesh_decoder", MESH_DECODERS),
            ("volume_size", (8, 16, 32)),
        ):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} is {getattr(self, field)!r}, not one of {allowed}")
        if type(self.refiner) is not int or not 0 <= self.refiner <= 4096:
            raise ValueError(f"a refiner has 0 to 4096 channels, not {self.refiner!r}")
        if self.fusion == "energy" and not self.energy:
            raise ValueError("fusion 'energy' needs the energy branch's channels")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """The reverse of to_dict. Raises ValueError or TypeError when they are no such thing."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]!r}")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """A sequence, or a part of one, after pooling over time.

    maps: B×C×16×W of each branch that reads frames. moments: what the energy branch reads, if there is one.
    """

    maps: tuple[Tensor, ...]
    moments: Moments | None = None

    def __or__(self, other: Pooled) -> Pooled:
        """The pooling of two windows of one sequence together."""
        maps = tuple(torch.maximum(mine, its) for mine, its in zip(self.maps, other.maps, strict=True))
        if self.moments is None or other.moments is None:
            return Pooled(maps)
        return Pooled(maps, self.moments + other.moments)


@dataclass(frozen=True)
class GaitOutput:
    """What a training step sees.

    embedding: B×16×dim, before the BNNeck: what the triplet loss and recognition use.
    logits: B×16×classes cosines (multiply by heads.CE_SCALE), or None without a classifier.
    reconstruction: of the frames that were asked for, sequence by sequence; None when none were.
    """

    embedding: Tensor
    logits: Tensor | None
    reconstruction: Reconstruction | None


class MeshGait(nn.Module):
    """The whole network.

    classes: training identities; 0 leaves the classifier out. with_decoder: build the BodyDecoder, with
    marker_decoder (64×V) when there is one. Without it no decoder module exists, and nothing that
    recognition calls builds or runs one.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        classes: int = 0,
        with_decoder: bool = False,
        marker_decoder: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.silhouette_branch: DeepGait | None = None
        self.heatmaps: HeatmapEstimator | None = None
        self.volume_branch: VolumeFeatures | None = None
        widths: dict[str, int] = {}
        self.energy_branch: EnergyBranch | None = None
        if config.fusion not in ("heatmap", "energy"):
            self.silhouette_branch = DeepGait(
                config.blocks, config.layers, config.channels, config.stem_stride
            )
            widths["silhouette"] = self.silhouette_branch.channels
        if config.fusion not in ("silhouette", "energy"):
            self.heatmaps = HeatmapEstimator(config.hrnet, POINTS, config.volume_size, config.squeeze)
            self.volume_branch = VolumeFeatures(POINTS, config.volume_size, config.volume_channels)
            widths["heatmap"] = self.volume_branch.channels
        if config.fusion == "add":
            two, three = widths["silhouette"], widths.pop("heatmap")
            if two != three:
                raise ValueError(f"branches of {two} and {three} channels cannot be added")
        if config.energy:
            self.energy_branch = EnergyBranch(config.energy)
            widths["energy"] = self.energy_branch.channels
        self.widths = widths
        self.width = sum(widths.values())
        self.fcs = SeparateFCs(PARTS, self.width, config.embedding_dim)
        self.necks = BNNecks(PARTS, config.embedding_dim, classes) if classes else None
        self.decoder: BodyDecoder | None = None
        if with_decoder:
            self.build_decoder(marker_decoder)
        self._lay_out_channels_last()

    def _lay_out_channels_last(self) -> None:
        """Weights in channels-last memory: their convolutions then answer so, which is 3 to 5 times as fast
        on a CPU and what tensor cores want."""
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        for parameter in self.parameters():
            if parameter.ndim in formats:
                parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])

    @property
    def radius(self) -> int:
        """Frames to either side that one frame's features see."""
        return self.silhouette_branch.radius if self.silhouette_branch is not None else 0

    def columns(self, *branches: str) -> list[int]:
        """Which rows of each part's map read these branches, as `widths` names them. Raises ValueError where
        there is none of that name."""
        start, found = 0, list[int]()
        for name, width in self.widths.items():
            if name in branches:
                found += range(start, start + width)
            start += width
        missing = [name for name in branches if name not in self.widths]
        if missing:
            raise ValueError(f"{self.config.name} has no branch {missing[0]!r} that is mapped by itself")
        return found

    def build_decoder(self, marker_decoder: Tensor | None = None, *, vertices: int = 6890) -> BodyDecoder:
        """Add the decoder, which training and rendering need and recognition does not."""
        if self.heatmaps is None:
            raise ValueError(f"{self.config.name} has no 3-D branch, so there is nothing to decode")
        self.decoder = BodyDecoder(
            marker_decoder,
            mesh=self.config.mesh_decoder,
            vertices=vertices,
            alpha=self.config.alpha,
            detach_before_mesh=self.config.detach_before_mesh,
            refiner=self.config.refiner,
        ).to(next(self.parameters()).device)
        return self.decoder

    def adopt(self, refiner: PoseRefiner | None) -> None:
        """Take a refiner into the decoder that there is, instead of its own; or none."""
        if self.decoder is None:
            raise RuntimeError("a refiner goes into a decoder: call build_decoder first")
        self.decoder.refiner = refiner
        self.config = replace(self.config, refiner=0 if refiner is None else refiner.channels)

    def embed(self, silhouettes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """B×T×64×44 floats 0-1 to B×16×dim. lengths: B int, the real frames of padded sequences."""
        return self.project(self.pool(silhouettes, lengths))

    def pool(
        self, silhouettes: Tensor, lengths: Tensor | None = None, window: tuple[int, int] | None = None
    ) -> Pooled:
        """Each branch after temporal pooling.

        window: pool only frames [start, stop); those around it are context. The union (|) of windows that
        cover a sequence, each with `radius` frames of context, is the pooling of it all.
        """
        maps, _ = self._maps(silhouettes, lengths)
        start, stop = window or (0, silhouettes.shape[1])
        keep = frame_mask(lengths, silhouettes.shape[1])
        keep = None if keep is None else keep[:, start:stop]
        pooled = tuple(temporal_pool(each[:, :, start:stop], keep) for each in maps)
        if self.energy_branch is None:
            return Pooled(pooled)
        return Pooled(pooled, Moments.of(silhouettes[:, start:stop], keep))

    def project(self, pooled: Pooled) -> Tensor:
        """HPP, fusion and the separate FCs: B×16×dim."""
        return self.fcs(self.strips(pooled))

    def strips(self, pooled: Pooled) -> Tensor:
        """HPP and fusion: B×width×16, what the separate FCs read: the branches that there are one after the
        other, as `widths` names them.

        "add" adds the strips' features: the maps differ in width and cannot be added directly.
        """
        strips = [horizontal_pool(maps, PARTS) for maps in pooled.maps]
        if self.config.fusion == "add":
            strips = [torch.stack(strips).sum(0)]
        if self.energy_branch is not None and pooled.moments is not None:
            strips.append(horizontal_pool(self.energy_branch(pooled.moments.picture()), PARTS))
        return torch.cat(strips, dim=1)

    def volumes(self, silhouettes: Tensor) -> Tensor:
        """B×T×64×44 to (B·T)×88×D×H×W, unnormalised."""
        if self.heatmaps is None:
            raise ValueError(f"{self.config.name} has no 3-D branch, so it has no volumes")
        return self.heatmaps(silhouettes.unsqueeze(1))

    def reconstruct(self, silhouettes: Tensor) -> Reconstruction:
        """B×T×64×44 to the body in each of the B·T frames. Raises RuntimeError without a decoder."""
        return self._decode(self.volumes(silhouettes))

    def forward(
        self,
        silhouettes: Tensor,
        lengths: Tensor | None = None,
        decode: bool | Tensor = False,
        watched: slice | None = None,
    ) -> GaitOutput:
        """One training step's forward pass. The backbone runs once for both branches' use of it.

        watched: the frames that the branches which read frames see, all when None; an empty slice spares
        them altogether. The energy branch sees every frame. decode: True for all watched frames, or N
        numbers among the B·watched (neighbouring frames are much alike, so a share of them teaches as much
        at a fraction of the cost).
        """
        seen = silhouettes if watched is None else silhouettes[:, watched]
        heat = None
        if seen.shape[1]:
            maps, heat = self._maps(seen, None if watched is not None else lengths)
            keep = None if watched is not None else frame_mask(lengths, seen.shape[1])
            pooled = tuple(temporal_pool(each, keep) for each in maps)
        else:
            pooled = self._nothing(silhouettes)
        moments = None
        if self.energy_branch is not None:
            moments = Moments.of(silhouettes, frame_mask(lengths, silhouettes.shape[1]))
        embedding = self.project(Pooled(pooled, moments))
        reconstruction = None
        if decode is not False:
            if heat is None or self.heatmaps is None:
                raise ValueError(f"{self.config.name} has no 3-D branch, so there is nothing to decode")
            chosen = heat if decode is True else heat[decode]
            reconstruction = self._decode(self.heatmaps.volumes(chosen))
        logits = self.necks(embedding) if self.necks is not None else None
        return GaitOutput(embedding, logits, reconstruction)

    def _nothing(self, silhouettes: Tensor) -> tuple[Tensor, ...]:
        """What a pooled sequence is to branches that saw no frame."""
        branches = (self.silhouette_branch, self.volume_branch)
        return tuple(
            silhouettes.new_zeros(len(silhouettes), branch.channels, PARTS, 1)
            for branch in branches
            if branch is not None
        )

    def _maps(self, silhouettes: Tensor, lengths: Tensor | None) -> tuple[list[Tensor], Tensor | None]:
        """F0 and F1, B×C×T×16×W, whichever the fusion has; and HRNet's maps, (B·T)×C×H×W."""
        frames = silhouettes.shape[1]
        stack = silhouettes.unsqueeze(1)
        maps: list[Tensor] = []
        heat = None
        if self.silhouette_branch is not None:
            maps.append(self.silhouette_branch(stack, frame_mask(lengths, frames)))
        if self.heatmaps is not None and self.volume_branch is not None:
            heat = self.heatmaps.maps(stack)
            mixed = self.heatmaps.mixed(heat, self.volume_branch.mix)
            maps.append(self.volume_branch(mixed).unflatten(0, (-1, frames)).transpose(1, 2))
        return maps, heat

    def _decode(self, volumes: Tensor) -> Reconstruction:
        if self.decoder is None:
            raise RuntimeError("this network was built without a decoder: call build_decoder first")
        return self.decoder(volumes)
