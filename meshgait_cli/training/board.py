"""The log as TensorBoard reads it, where that is installed (the extra `train`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["open_board"]


def open_board(run: Path) -> Callable[[dict[str, Any]], None] | None:
    """Writes lines of `log.jsonl` to `run/tensorboard`, made at the first; None without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: Any = None

    def write(line: dict[str, Any]) -> None:
        nonlocal writer
        writer = writer or SummaryWriter(run / "tensorboard")
        room = "training" if "loss" in line else "held out"
        for name, value in line.items():
            if name not in ("step", "identities"):
                writer.add_scalar(f"{room}/{name}", value, line["step"])
        writer.flush()

    return write
