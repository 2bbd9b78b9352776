"""The named networks, written out. What each costs is in docs/network.md."""

from __future__ import annotations

from dataclasses import replace

from .meshgait import ModelConfig

__all__ = ["DEFAULT_MODEL", "VARIANTS", "alone"]

DEFAULT_MODEL = "meshgait-s"

VARIANTS: dict[str, ModelConfig] = {
    # The paper: DeepGaitV2-P3D [1,4,4,1], HRNet-W48, 16³ volumes.
    "meshgait-w48": ModelConfig(
        name="meshgait-w48",
        blocks="p3d",
        layers=(1, 4, 4, 1),
        channels=(64, 128, 256, 512),
        hrnet="w48",
        volume_size=16,
        volume_channels=(64, 64, 128, 256),
        embedding_dim=256,
        mesh_decoder="confidence",
    ),
    # Between the two: for one GPU.
    "meshgait-b": ModelConfig(
        name="meshgait-b",
        blocks="p3d",
        layers=(1, 1, 1, 1),
        channels=(64, 128, 256, 512),
        hrnet="w18",
        squeeze=128,
        volume_size=16,
        volume_channels=(32, 48, 96),
        embedding_dim=256,
    ),
    # Small enough to train on two CPU cores.
    "meshgait-s": ModelConfig(
        name="meshgait-s",
        blocks="p3d",
        layers=(1, 1, 1, 1),
        channels=(16, 32, 64, 128),
        stem_stride=2,
        hrnet="tiny",
        squeeze=64,
        volume_size=16,
        volume_channels=(12, 24, 48),
        energy=(40, 80, 160, 160),
        embedding_dim=128,
        stretch=30,
    ),
    # DeepGaitV2-P3D for Gait3D, for those who hold its checkpoint.
    "deepgaitv2": ModelConfig(
        name="deepgaitv2",
        fusion="silhouette",
        blocks="p3d",
        layers=(1, 4, 4, 1),
        channels=(64, 128, 256, 512),
        embedding_dim=256,
    ),
}


def alone(config: ModelConfig, branch: str) -> ModelConfig:
    """The network of one branch, without refiner. branch: "silhouette", "heatmap" or "energy". Raises
    ValueError where there is no such branch."""
    there = {
        "silhouette": config.fusion not in ("heatmap", "energy"),
        "heatmap": config.fusion not in ("silhouette", "energy"),
        "energy": bool(config.energy),
    }
    if not there.get(branch):
        raise ValueError(f"{config.name} has no branch {branch!r}")
    return replace(config, fusion=branch, energy=config.energy if branch == "energy" else (), refiner=0)
