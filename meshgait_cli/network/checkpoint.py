"""Checkpoints: safetensors with the configuration and a card inside, loaded strictly."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..assets import sha256_of
from ..errors import UsageError, WeightsError
from ..shipped import folder as shipped_folder
from .meshgait import MeshGait, ModelConfig
from .variants import DEFAULT_MODEL, VARIANTS

__all__ = ["LoadedModel", "load", "save"]

_FORMAT = "meshgait-network-1"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A network ready to use, in eval mode. id: name@sha256 (12 digits) or name@untrained. card: what its
    maker wrote down about it."""

    network: MeshGait
    id: str
    trained: bool
    card: dict[str, Any] = field(default_factory=dict)


def save(
    network: MeshGait, path: Path, *, trained: bool, card: dict[str, Any] | None = None, half: bool = False
) -> None:
    """Write a checkpoint atomically. The BNNecks' class weights stay out: they stand for training
    identities. half: store float16."""
    from safetensors.torch import save_file

    state = {
        name: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.startswith("necks.")
    }
    metadata = {
        "format": _FORMAT,
        "config": json.dumps(network.config.to_dict()),
        "trained": json.dumps(trained),
        "card": json.dumps(card or {}, ensure_ascii=False),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(state, temporary, metadata)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(name: str | Path | None = None, device: torch.device | str = "cpu") -> LoadedModel:
    """A variant by name (None: the default one) or a checkpoint by path (.safetensors, or OpenGait's .pt).

    A variant that no checkpoint is shipped for comes untrained, its random weights fixed by a seed,
    with trained=False: whoever uses it has to say so.

    Raises UsageError for a name that is neither, WeightsError for a file that does not hold a network.
    """
    name = DEFAULT_MODEL if name is None else name
    if str(name) in VARIANTS:
        shipped = shipped_folder("weights") / f"{name}.safetensors"
        return _read(shipped, str(name), device) if shipped.is_file() else _untrained(str(name), device)
    path = Path(name)
    if not path.is_file():
        raise UsageError(
            f"there is no network {str(name)!r}: use one of {', '.join(VARIANTS)}, or a checkpoint's path"
        )
    if path.suffix == ".safetensors":
        return _read(path, path.stem, device)
    from .opengait import load_opengait

    network = load_opengait(path)
    return LoadedModel(network.eval().to(device), _id(path, path.stem), True, {"origin": "OpenGait"})


def _untrained(name: str, device: torch.device | str) -> LoadedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MeshGait(VARIANTS[name])
    return LoadedModel(network.eval().to(device), f"{name}@untrained", False)


def _id(path: Path, name: str) -> str:
    return f"{name}@{sha256_of(path)[:12]}"


def _read(path: Path, name: str, device: torch.device | str) -> LoadedModel:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        if metadata.get("format") != _FORMAT:
            raise WeightsError(f"{path} is not a network of meshgait: it has no {_FORMAT} metadata")
        config = ModelConfig.from_dict(json.loads(metadata["config"]))
        trained, card = bool(json.loads(metadata["trained"])), json.loads(metadata["card"])
    except WeightsError:
        raise
    except Exception as error:  # safetensors raises its own kinds, json and the config others
        raise WeightsError(f"cannot load {path}: {str(error).splitlines()[0][:150]}") from error
    # A learned marker-to-mesh correction is big and only drawn from; recognition leaves it unread.
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not key.startswith("decoder.")}
    with torch.random.fork_rng(devices=[]):
        network = MeshGait(config)
    expected = network.state_dict()
    for key, value in expected.items():
        if key not in state:
            raise WeightsError(f"{path} does not fit its configuration: {key} is missing")
        if state[key].shape != value.shape:
            raise WeightsError(
                f"{path} does not fit its configuration: {key} is {tuple(state[key].shape)}, "
                f"not {tuple(value.shape)}"
            )
    surplus = next((key for key in state if key not in expected), None)
    if surplus:
        raise WeightsError(f"{path} does not fit its configuration: {surplus} is not part of the network")
    network.load_state_dict(state)
    return LoadedModel(network.eval().to(device), _id(path, name), trained, card)
