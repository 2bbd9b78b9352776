"""Checkpoints: safetensors with the configuration and a card inside, loaded strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..assets import sha256_of
from ..atomic import aside
from ..errors import UsageError, WeightsError
from ..shipped import folder as shipped_folder
from ..words import from_json
from .decode import BodyDecoder
from .exported import SUFFIX as EXPORTED
from .exported import read_exported
from .meshgait import MeshGait, ModelConfig
from .variants import DEFAULT_MODEL, VARIANTS

__all__ = ["SUFFIX", "LoadedModel", "load", "save"]

SUFFIX = ".safetensors"
_FORMAT = "meshgait-network-1"
_DECODER = "decoder."  # prefix of the tensors that recognition never reads
_CLASSIFIER = "necks."  # one weight vector per training identity: never written


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A network ready for use, in eval mode and without a decoder.

    id: name@ and 12 digits of the file's sha256, or name@untrained. config: its shape. trained: whether
    its weights are trained. card: what its maker wrote down about it. path: its file, if it has one.
    """

    network: MeshGait
    id: str
    config: ModelConfig
    trained: bool
    card: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def build_decoder(self, marker_decoder: Tensor | None = None) -> BodyDecoder:
        """Give the network its decoder, with the tensors of it that the file holds.

        marker_decoder: 64×V, from the body. Raises WeightsError when the file's do not fit.
        """
        saved: dict[str, Tensor] = {}
        if self.path is not None and self.path.suffix == SUFFIX:
            saved = _tensors(self.path, decoder=True)
        decoder = self.network.build_decoder(marker_decoder).eval()
        saved = {name.removeprefix(_DECODER): value for name, value in saved.items()}
        if saved or self.trained:
            _fit(decoder, saved, f"{self.path}: the decoder")
        return decoder


def save(
    network: MeshGait,
    path: Path,
    *,
    trained: bool,
    card: dict[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write a checkpoint atomically, the decoder's learned tensors included where it has any.

    The classifier stays out: it belongs to the training identities. card: plain JSON values.
    half: store float16 where it fits, which `load` turns back into float32.
    """
    tensors = {
        name: (_halved(value) if half else value).detach().cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.startswith(_CLASSIFIER)
    }
    metadata = {
        "format": _FORMAT,
        "config": json.dumps(network.config.to_dict()),
        "trained": json.dumps(trained),
        "card": json.dumps(card or {}, ensure_ascii=False),
    }
    with aside(path) as temporary:
        save_file(tensors, temporary, metadata)


def load(name_or_path: str | Path | None = None, device: torch.device | str = "cpu") -> LoadedModel:
    """A variant's name, or a checkpoint's path: ours (.safetensors), one that `meshgait export` wrote
    (.onnx), or OpenGait's DeepGaitV2 (.pt).

    None is DEFAULT_MODEL. A variant without a shipped checkpoint comes with random weights from a fixed
    seed and trained=False: whoever uses it has to say so. Raises UsageError for a name that is neither,
    WeightsError for a file that is damaged or holds no such network.
    """
    name = str(DEFAULT_MODEL if name_or_path is None else name_or_path)
    if name in VARIANTS:
        shipped = shipped_folder("weights") / f"{name}{SUFFIX}"
        loaded = _read(shipped) if shipped.is_file() else _untrained(name)
    else:
        path = Path(name)
        if not path.is_file():
            raise UsageError(
                f"there is no network {name!r}: use one of {', '.join(VARIANTS)}, or a checkpoint's path"
            )
        readers = {SUFFIX: _read, EXPORTED: _read_exported}
        loaded = readers.get(path.suffix, _read_opengait)(path)
    loaded.network.to(device).eval()
    return loaded


def _untrained(name: str) -> LoadedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MeshGait(VARIANTS[name])
    return LoadedModel(model, f"{name}@untrained", VARIANTS[name], trained=False)


def _read_opengait(path: Path) -> LoadedModel:
    from .opengait import load_opengait

    model = load_opengait(path)
    card = {"origin": "an OpenGait DeepGaitV2 checkpoint"}
    return LoadedModel(model, _id(path, path.stem), model.config, trained=True, card=card, path=path)


def _read_exported(path: Path) -> LoadedModel:
    said, tensors = read_exported(path)
    with torch.random.fork_rng(devices=[]):
        model = MeshGait(said.config)
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):  # of training alone; the file has none
            tensors[name] = torch.zeros_like(value)
    _fit(model, tensors, str(path))
    return LoadedModel(model, said.id, said.config, said.trained, said.card, path)


def _read(path: Path) -> LoadedModel:
    metadata = _metadata(path)
    try:
        config = ModelConfig.from_dict(from_json(metadata["config"]))
        trained, card = from_json(metadata["trained"]), from_json(metadata["card"])
        if not isinstance(trained, bool) or not isinstance(card, dict):
            raise TypeError("trained or card is of the wrong kind")
        with torch.random.fork_rng(devices=[]):
            model = MeshGait(config)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise WeightsError(
            f"{path} describes a network this version cannot build ({_line(error)}): upgrade meshgait, or "
            "use another checkpoint"
        ) from error
    _fit(model, _tensors(path, decoder=False), str(path))
    return LoadedModel(model, _id(path, path.stem), config, trained, card, path)


def _halved(value: Tensor) -> Tensor:
    """float16, unless that would make an infinity of it (a batch norm's variance can be large)."""
    half = value.half() if value.is_floating_point() else value
    return half if bool(torch.isfinite(half).all()) else value


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except Exception as error:  # safetensors has an error type of its own, and raises OSError too
        raise WeightsError(
            f"{path} is damaged, or no safetensors file ({_line(error)}): copy or download it again"
        ) from error
    if metadata.get("format") != _FORMAT:
        raise WeightsError(f"{path} is no meshgait network: its format is {metadata.get('format')!r}")
    return metadata


def _tensors(path: Path, *, decoder: bool) -> dict[str, Tensor]:
    """The file's tensors, floats as float32: those of the decoder, or all others."""
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(_DECODER) == decoder]  # noqa: SIM118
            values = {name: file.get_tensor(name) for name in names}
    except Exception as error:
        raise WeightsError(f"{path} is damaged ({_line(error)}): copy or download it again") from error
    return {name: v.float() if v.is_floating_point() else v for name, v in values.items()}


def _fit(module: torch.nn.Module, tensors: dict[str, Tensor], owner: str) -> None:
    """Load strictly: each tensor there, of the right shape, finite, and no other."""
    expected = module.state_dict()
    for name, value in expected.items():
        if name not in tensors:
            raise WeightsError(f"{owner} does not fit its configuration: {name} is missing")
        found = tensors[name]
        if found.shape != value.shape:
            raise WeightsError(
                f"{owner} does not fit its configuration: {name} is {tuple(found.shape)}, "
                f"not {tuple(value.shape)}"
            )
        if not bool(torch.isfinite(found).all()):
            raise WeightsError(f"{owner} is damaged: {name} is not finite; use another checkpoint")
    surplus = next((name for name in tensors if name not in expected), None)
    if surplus is not None:
        raise WeightsError(f"{owner} does not fit its configuration: {surplus} is not part of that network")
    module.load_state_dict(tensors)


def _id(path: Path, name: str) -> str:
    return f"{name}@{sha256_of(path)[:12]}"


def _line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__
