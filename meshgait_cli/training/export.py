"""A finished run as a checkpoint that recognition loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..network.checkpoint import save
from ..network.meshgait import MeshGait

__all__ = ["export"]


def export(model: MeshGait, about: dict[str, Any], path: Path) -> Path:
    """Write half-precision safetensors with a card of what it was trained on and how it did.

    model, about: what `run.train` returned, and what is to be said of the data.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path, trained=True, card=about, half=True)
    return path
