"""A finished run as a checkpoint that recognition loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..network.checkpoint import save
from ..network.meshgait import MeshGait

__all__ = ["export"]


def export(model: MeshGait, about: dict[str, Any], path: Path) -> Path:
    """Write half-precision safetensors with a card of what it was trained on and how it did.

    model, about: what `run.train` returned.
    """
    card = {
        "data": "synthetic walkers only (meshgait_cli.synth); no recording of a person",
        "licence": "CC0-1.0",
        "acknowledgement": "walking model derived from mocap.cs.cmu.edu, NSF EIA-0196217",
        **about,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path, trained=True, card=card, half=True)
    return path
