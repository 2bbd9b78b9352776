"""Checkpoints of OpenGait's DeepGaitV2, for those who have one.

Only the names and shapes of its tensors are OpenGait's; a checkpoint is mapped tensor by tensor to our
`deepgaitv2`, and nothing may be missing or left over.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import WeightsError
from .meshgait import MeshGait, ModelConfig
from .variants import VARIANTS

__all__ = ["convert", "load_opengait"]

# Our names, without what is alike on both sides, to theirs. Their 2-D layers sit in a wrapper.
_WRAP = "forward_block."


def load_opengait(path: Path) -> MeshGait:
    """Read a .pt file (tensors only; no pickled code is run). WeightsError when it is something else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds here
        raise WeightsError(
            f"{path} is damaged, or no checkpoint of plain tensors: use another file"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path} holds no state dict")
    state = {str(key).removeprefix("module."): value for key, value in content.items()}
    try:
        return convert(state)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def convert(state: dict[str, Tensor]) -> MeshGait:
    """Map an OpenGait DeepGaitV2 state dict. WeightsError names the first tensor that does not fit."""
    network = MeshGait(_config(state))
    fitted: dict[str, Tensor] = {}
    used: set[str] = set()
    for ours, value in network.state_dict().items():
        theirs = next((name for name in _candidates(ours) if name in state), None)
        if theirs is None:
            raise WeightsError(f"no DeepGaitV2 checkpoint: {_candidates(ours)[0]} is missing")
        tensor = state[theirs]
        if tensor.numel() != value.numel() or tensor.squeeze().shape != value.squeeze().shape:
            raise WeightsError(
                f"no DeepGaitV2 checkpoint: {theirs} is {tuple(tensor.shape)}, not {tuple(value.shape)}"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"damaged DeepGaitV2 checkpoint: {theirs} is not finite")
        fitted[ours] = tensor.reshape(value.shape).to(value.dtype)
        used.add(theirs)
    surplus = next((name for name in state if name not in used and not name.startswith("BNNecks.")), None)
    if surplus:
        raise WeightsError(f"no DeepGaitV2 checkpoint: {surplus} is not part of that network")
    network.load_state_dict(fitted)
    return network


def _config(state: dict[str, Tensor]) -> ModelConfig:
    """Blocks, layers and channels, as the tensors' names and shapes tell."""
    names = list(state)
    layers, channels = [], []
    for stage in range(1, 5):
        pattern = re.compile(rf"layer{stage}\.(?:{re.escape(_WRAP)})?(\d+)\.conv1\.(?:.*\.)?weight$")
        found = {
            int(m.group(1)): name for name in names if (m := pattern.match(name)) and state[name].ndim >= 4
        }
        if 0 not in found:
            raise WeightsError(f"no DeepGaitV2 checkpoint: layer{stage} has no first block")
        layers.append(max(found) + 1)
        channels.append(int(state[found[0]].shape[0]))
    kernel = next(
        v for k, v in state.items() if re.match(r"layer2\..*conv1\.(?:.*\.)?weight$", k) and v.ndim >= 4
    )
    blocks = "3d" if kernel.ndim == 5 else "p3d" if any("shortcut3d" in name for name in names) else "2d"
    fcs = state.get("FCs.fc_bin")
    if fcs is None or fcs.ndim != 3:
        raise WeightsError("no DeepGaitV2 checkpoint: FCs.fc_bin is missing")
    return replace(
        VARIANTS["deepgaitv2"],
        blocks=blocks,
        layers=tuple(layers),
        channels=tuple(channels),
        embedding_dim=int(fcs.shape[2]),
    )


def _candidates(ours: str) -> list[str]:
    """What OpenGait may call one of our tensors, by block mode."""
    if ours == "fcs.weight":
        return ["FCs.fc_bin"]
    name = ours.removeprefix("silhouette_branch.")
    if name.startswith("stem."):
        return [f"layer0.{_WRAP}{name.removeprefix('stem.')}"]
    match = re.fullmatch(r"stages\.(\d+)\.(\d+)\.(.+)", name)
    assert match, ours
    stage, block, rest = int(match.group(1)) + 1, match.group(2), match.group(3)
    prefixes = [f"layer{stage}.{block}.", f"layer{stage}.{_WRAP}{block}."]
    return [prefix + tail for prefix in prefixes for tail in _tails(rest)]


def _tails(rest: str) -> list[str]:
    part, _, last = rest.partition(".")
    if part in ("conv1", "conv2"):
        return [f"{part}.{last}", f"{part}.{_WRAP}0.{last}"]
    if part in ("norm1", "norm2"):
        number = part[-1]
        return [f"bn{number}.{last}", f"conv{number}.{_WRAP}1.{last}"]
    if part == "time":
        return [f"shortcut3d.{last}"]
    if part == "norm_time":
        return [f"sbn.{last}"]
    return [f"downsample.{last}"]  # our "shortcut"
