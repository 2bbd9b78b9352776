"""Calibration as a picture: reliability, strangers accepted against what was asked for, the open set's
trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import aside
from ..errors import UsageError

__all__ = ["SUFFIXES", "check_picture", "draw"]

SUFFIXES = (".png", ".svg", ".pdf")
_GREY, _BLUE, _ORANGE, _GREEN = "#bbbbbb", "#2f5fb3", "#c05a1e", "#3c8c5a"
_LEAST = 1e-3  # where an axis is no longer logarithmic, so that none has a place on it


def check_picture(path: Path) -> None:
    """Raises UsageError for a file that is no picture, or in no folder."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} is no picture: name it *{', *'.join(SUFFIXES)}")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"lies in no folder that is there ({path.parent})"
        raise UsageError(f"{path} {what}: choose another name")


def draw(found: dict[str, Any], path: Path, about: str) -> None:
    """found: `Tally.figures`. about: whose, in a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    bins, rows = found["reliability"], [row for row in found["thresholds"] if row["far"] and row["dir"]]
    _spread(left, [each["said"] for each in bins], [each["right"] for each in bins], _BLUE)
    left.plot([0, 1], [0, 1], color=_GREY, lw=0.8)
    left.set(
        xlabel="probability that was said", ylabel="how often it was right", xlim=(0, 1.02), ylim=(0, 1.02)
    )
    left.set_title(f"best candidate, {found['cases']} questions, ECE {found['ece']:.3f}", fontsize=9)
    asked = [row["asked"] for row in rows]
    _spread(middle, asked, [row["far"] for row in rows], _ORANGE)
    middle.plot(asked, asked, color=_GREY, lw=0.8)
    middle.set(xlabel="--far", ylabel="strangers accepted", xscale="log")
    middle.set_yscale("symlog", linthresh=_LEAST)
    middle.set_ylim(-_LEAST / 5, 1)
    _spread(right, [row["far"][0] for row in rows], [row["dir"] for row in rows], _GREEN)
    right.set(xlabel="strangers accepted", ylabel="known people accepted as such", ylim=(0, 1.02))
    right.set_xscale("symlog", linthresh=_LEAST)
    right.set_xlim(-_LEAST / 5, 1)
    right.set_title(about, fontsize=9)
    for axis in (left, middle, right):
        axis.spines[["top", "right"]].set_visible(False)
    with aside(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _spread(axis: Any, at: Sequence[float], values: Sequence[Sequence[float]], colour: str) -> None:
    middle, low, high = np.array(values).T
    reach = np.maximum([middle - low, high - middle], 0)
    axis.errorbar(at, middle, reach, fmt="o-", color=colour, ms=4, lw=1, capsize=2)
