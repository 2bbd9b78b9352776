"""The contact sheet: one picture by which a person judges a track.

On it: what was measured and whether it is usable, the gait-energy image (the mean silhouette), the legs'
opening over time with the steps marked, the person in colour, and silhouettes evenly spread over the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .. import atomic
from ..errors import RenderError
from ..people.walking import leg_spread
from ..records import SilhouetteSequence, TrackQuality

__all__ = ["contact_sheet", "write_png"]

Colour = tuple[int, int, int]

# Pixels.
_COLUMNS, _ROWS = 12, 4
_TILE, _GAP, _MARGIN = 96, 8, 28
_LABEL = 20
_WIDTH = 2 * _MARGIN + _COLUMNS * (_TILE + _GAP) - _GAP
_ENERGY = 176
_THUMBNAIL = 112

_PAPER, _INK, _FAINT, _GRID = (250, 250, 248), (28, 30, 34), (120, 124, 130), (222, 223, 226)
_GOOD, _BAD, _AMBER = (24, 128, 66), (190, 44, 38), (214, 140, 20)
_WALK, _CURVE = (219, 240, 226), (38, 84, 168)

_STEP_S = 0.25  # least time between two steps
_STEP_RISE = 0.03  # body heights by which a step stands out of the curve


def contact_sheet(
    sequence: SilhouetteSequence,
    thumbnails: Sequence[NDArray[np.uint8]] | None,
    quality: TrackQuality,
    walking: NDArray[np.bool_] | None,
    title: str,
    good: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Draw the sheet of one track: RGB uint8, 1296 pixels wide.

    thumbnails: RGB crops of the person. walking: T bool; frames without walking are marked red. good: T
    bool; frames of walking that are left out of the embedding are marked amber. None when not known.
    The sequence may be empty, and its times NaN (then frame numbers stand for them).
    """
    reasons = list(quality.reasons)
    colour = list(thumbnails or [])[:_COLUMNS]
    shown = np.unique(np.linspace(0, len(sequence) - 1, _COLUMNS * _ROWS).round().astype(int))
    shown = shown[: len(sequence)]
    rows = -(-len(shown) // _COLUMNS)
    top_of = {"reasons": _MARGIN + 72}
    top_of["energy"] = top_of["reasons"] + 24 * len(reasons) + 16
    top_of["colour"] = top_of["energy"] + _LABEL + _ENERGY + 36
    top_of["tiles"] = top_of["colour"] + (_THUMBNAIL + 20 if colour else 0) + _LABEL
    height = top_of["tiles"] + rows * (_TILE + _LABEL + 4) + _MARGIN
    sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _head(draw, sequence, quality, walking, title)
    for line, reason in enumerate(reasons):
        _text(draw, _MARGIN, top_of["reasons"] + 24 * line, f"- {reason}", 17, _BAD)
    counted = walking if good is None else good
    _energy(sheet, draw, sequence, counted, top_of["energy"])
    _curve(draw, sequence, walking, counted, _MARGIN + _ENERGY + 72, top_of["energy"])
    left = _MARGIN
    for picture in colour:
        small = _fitted(picture, _THUMBNAIL, _TILE)
        sheet.paste(small, (left + (_TILE - small.width) // 2, top_of["colour"]))
        left += _TILE + _GAP
    legend = f"{len(shown)} of {len(sequence)} silhouettes"
    legend += "" if walking is None else "    red: does not walk"
    legend += "" if good is None else "    amber: walks, but not seen whole"
    _text(draw, _MARGIN, top_of["tiles"] - _LABEL, legend, 15, _FAINT)
    for place, index in enumerate(shown):
        row, column = divmod(place, _COLUMNS)
        at = (_MARGIN + column * (_TILE + _GAP), top_of["tiles"] + row * (_TILE + _LABEL + 4))
        _tile(sheet, draw, sequence, int(index), _mark(sequence, int(index), walking, good), at)
    return np.asarray(sheet, dtype=np.uint8)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB picture whole or not at all. Raises RenderError when it cannot be written."""
    done, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise RenderError(f"a picture of shape {image.shape} cannot be written as PNG")
    with atomic.aside(Path(path)) as temporary:
        temporary.write_bytes(data.tobytes())


def _text(
    draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: int, colour: Colour, anchor: str = "la"
) -> None:
    draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)


def _head(
    draw: ImageDraw.ImageDraw,
    sequence: SilhouetteSequence,
    quality: TrackQuality,
    walking: NDArray[np.bool_] | None,
    title: str,
) -> None:
    _text(draw, _MARGIN, _MARGIN - 4, title, 30, _INK)
    verdict = "usable gait sample" if quality.usable else "not usable"
    colour = _GOOD if quality.usable else _BAD
    wide = draw.textlength(verdict, font=ImageFont.load_default(20)) + 28
    right = _WIDTH - _MARGIN
    draw.rounded_rectangle((right - wide, _MARGIN - 4, right, _MARGIN + 30), 8, fill=colour)
    _text(draw, right - wide / 2, _MARGIN + 13, verdict, 20, _PAPER, "mm")
    facts = []
    if len(sequence):
        first, last = sequence.times[[0, -1]]
        if np.isfinite([first, last]).all():
            facts.append(f"{first:.2f} to {last:.2f} s")
        facts.append(f"frames {sequence.frames[0]} to {sequence.frames[-1]}")
    facts += [
        f"{quality.silhouettes} whole silhouettes",
        f"{quality.height_px:.0f} px tall" if np.isfinite(quality.height_px) else "",
        f"walking {quality.walking_fraction:.0%}" if walking is not None else "",
        f"{quality.gait_cycles:.1f} gait cycles",
        f"cut off {quality.cut_fraction:.0%}" if quality.cut_fraction > 0 else "",
        f"overlapped {quality.overlap_fraction:.0%}" if quality.overlap_fraction > 0 else "",
        f"score {quality.score:.2f}",
    ]
    _text(draw, _MARGIN, _MARGIN + 42, "   |   ".join(fact for fact in facts if fact), 17, _FAINT)


def _energy(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    sequence: SilhouetteSequence,
    counted: NDArray[np.bool_] | None,
    top: int,
) -> None:
    pictures = sequence.silhouettes
    if counted is not None and counted.any():
        pictures = pictures[counted]
    mean = pictures.mean(axis=0).astype(np.uint8) if len(pictures) else np.zeros((64, 64), np.uint8)
    _text(draw, _MARGIN, top, "gait-energy image", 15, _FAINT)
    sheet.paste(
        Image.fromarray(mean).resize((_ENERGY, _ENERGY), Image.Resampling.BICUBIC), (_MARGIN, top + _LABEL)
    )


def _curve(
    draw: ImageDraw.ImageDraw,
    sequence: SilhouetteSequence,
    walking: NDArray[np.bool_] | None,
    counted: NDArray[np.bool_] | None,
    left: int,
    top: int,
) -> None:
    _text(draw, left, top, "distance between the lower legs, body heights", 15, _FAINT)
    right, top, bottom = _WIDTH - _MARGIN, top + _LABEL, top + _LABEL + _ENERGY
    draw.rectangle((left, top, right, bottom), fill=(255, 255, 255), outline=_GRID)
    if len(sequence) < 2:
        _text(
            draw, (left + right) / 2, (top + bottom) / 2, "too few silhouettes for a curve", 17, _FAINT, "mm"
        )
        return
    spread = leg_spread(sequence.silhouettes)
    timed = bool(np.isfinite(sequence.times).all())
    axis = sequence.times if timed else sequence.frames.astype(np.float64)
    most = max(0.4, float(np.ceil(spread.max() * 10) / 10))
    x = left + (axis - axis[0]) / max(axis[-1] - axis[0], 1e-9) * (right - left)
    y = bottom - spread / most * (bottom - top)
    if walking is not None:
        for first, last in _spans(walking):
            draw.rectangle((x[first], top + 1, x[last], bottom - 1), fill=_WALK)
        _text(draw, right, top - _LABEL, "green: walking    dots: steps", 15, _FAINT, "ra")
    for value in np.arange(0.1, most, 0.1):
        level = bottom - value / most * (bottom - top)
        draw.line((left, level, right, level), fill=_GRID)
        _text(draw, left - 8, level, f"{value:.1f}", 13, _FAINT, "rm")
    for value in _ticks(axis[0], axis[-1]):
        at = left + (value - axis[0]) / max(axis[-1] - axis[0], 1e-9) * (right - left)
        draw.line((at, bottom, at, bottom + 4), fill=_FAINT)
        _text(draw, at, bottom + 6, f"{value:g} s" if timed else f"{value:g}", 13, _FAINT, "ma")
    parted = np.flatnonzero(np.diff(sequence.frames) > 5 * np.median(np.diff(sequence.frames))) + 1
    for part in np.split(np.arange(len(x)), parted):
        if len(part) > 1:
            draw.line([(float(x[i]), float(y[i])) for i in part], fill=_CURVE, width=2, joint="curve")
    for i in _steps(axis, spread, timed, counted):
        draw.ellipse((x[i] - 4, y[i] - 4, x[i] + 4, y[i] + 4), fill=_BAD)


def _spans(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _ticks(first: float, last: float) -> NDArray[np.float64]:
    """At most a dozen round numbers from first to last."""
    raw = max(last - first, 1e-6) / 12
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    return np.asarray(np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step)


def _steps(
    axis: NDArray[np.float64], spread: NDArray[np.float64], timed: bool, counted: NDArray[np.bool_] | None
) -> NDArray[np.intp]:
    """Where the legs are widest apart, in the frames that count."""
    from scipy.signal import find_peaks

    apart = max(1.0, _STEP_S / max(float(np.median(np.diff(axis))), 1e-6)) if timed else 3.0
    peaks = np.asarray(find_peaks(spread, prominence=_STEP_RISE, distance=apart)[0], dtype=np.intp)
    return peaks if counted is None else peaks[counted[peaks]]


def _fitted(picture: NDArray[np.uint8], height: int, width: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    scale = min(height / image.height, width / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _mark(
    sequence: SilhouetteSequence,
    index: int,
    walking: NDArray[np.bool_] | None,
    good: NDArray[np.bool_] | None,
) -> Colour | None:
    if walking is not None and not walking[index]:
        return _BAD
    left_out = good is not None and not good[index]
    return _AMBER if left_out or not sequence.silhouettes[index].any() else None


def _tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    sequence: SilhouetteSequence,
    index: int,
    mark: Colour | None,
    at: tuple[int, int],
) -> None:
    x, y = at
    tile = Image.fromarray(sequence.silhouettes[index])
    sheet.paste(tile.resize((_TILE, _TILE), Image.Resampling.BICUBIC), at)
    if mark:
        draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), outline=mark, width=3)
    time = sequence.times[index]
    label = f"{time:.2f} s" if np.isfinite(time) else f"{sequence.frames[index]}"
    _text(draw, x + _TILE / 2, y + _TILE + 3, label, 14, mark or _INK, "ma")
