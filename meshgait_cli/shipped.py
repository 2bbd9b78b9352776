"""Where our own files lie: in an installed package beside the code, in a checkout at its top."""

from __future__ import annotations

from pathlib import Path

from .errors import WeightsError

__all__ = ["folder"]


def folder(name: str) -> Path:
    """The shipped folder `weights` or `examples`. WeightsError when the installation lacks it."""
    here = Path(__file__).resolve().parent
    for place in (here / "_shipped" / name, here.parent / name):
        if place.is_dir():
            return place
    raise WeightsError(f"this installation lacks its {name} folder: reinstall meshgait")
