"""Networks that `meshgait export` wrote: their ONNX files are checkpoints too.

Beside the graph such a file says what the network is, and its tensors keep their names; so ONNX Runtime and
OpenVINO run the file itself, and torch builds the network from it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError, WeightsError
from ..words import from_json
from .graph import PREFIX
from .meshgait import ModelConfig

__all__ = ["SUFFIX", "Description", "described", "read_exported"]

SUFFIX = ".onnx"
_KEY, _FORMAT = "meshgait", "meshgait-onnx-1"


@dataclass(frozen=True, slots=True)
class Description:
    """id: of the checkpoint that was exported: the same numbers come out, so embeddings compare."""

    id: str
    config: ModelConfig
    trained: bool
    card: dict[str, Any] = field(default_factory=dict)


def described(content: bytes, description: Description) -> bytes:
    """The ONNX model with a description inside."""
    import onnx

    model = onnx.load_from_string(content)
    facts = {**asdict(description), "config": description.config.to_dict(), "format": _FORMAT}
    model.metadata_props.add(key=_KEY, value=json.dumps(facts, ensure_ascii=False))
    return bytes(model.SerializeToString())


def read_exported(path: Path) -> tuple[Description, dict[str, Tensor]]:
    """What the file says of itself, and the network's tensors.

    Raises UsageError where the package `onnx` is missing, WeightsError when it is no such file.
    """
    if find_spec("onnx") is None:
        raise UsageError("reading an exported network needs onnx: python -m pip install 'meshgait[onnx]'")
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load(path, load_external_data=False)
        known = {each.key: each.value for each in model.metadata_props}
        tensors = {
            each.name.removeprefix(PREFIX): torch.from_numpy(numpy_helper.to_array(each).copy())
            for each in model.graph.initializer
            if each.name.startswith(PREFIX)
        }
    except Exception as error:  # protobuf has errors of its own
        raise WeightsError(f"{path} is damaged, or no ONNX file: copy it again") from error
    try:
        facts = from_json(known[_KEY])
        if facts.pop("format") != _FORMAT:
            raise ValueError("another format")
        config = ModelConfig.from_dict(facts.pop("config"))
        description = Description(config=config, **facts)
        if not isinstance(description.id, str) or not isinstance(description.trained, bool):
            raise TypeError("id or trained is of the wrong kind")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} was not written by this version's meshgait export: export it again"
        ) from error
    return description, tensors
