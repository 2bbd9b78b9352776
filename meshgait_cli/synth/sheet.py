"""Pictures to judge synthetic walkers by: who was made, and how they look beside real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..datasets.pickles import read_arrays
from ..errors import NoWalkerError, UsageError
from ..records import SIDE_CUT
from ..render.contact import write_png
from ..results.directory import Result
from .labels import read_labels
from .plan import SynthSettings
from .pool import each
from .walkers import make_identity, render_sequence

__all__ = ["Strip", "beside_sheet", "contact_sheet", "sheet", "strips_of_results"]

Silhouettes = NDArray[np.uint8]
# Pixels.
_SHOWN_WIDTH, _TALL, _GAP, _MARGIN, _CAPTION = 44, 64, 14, 24, 18
_INK, _FAINT, _PAPER = (28, 30, 34), (120, 124, 130), (250, 250, 248)
_POOL_FRAMES = 20
_COLUMNS = 6  # sequences of one identity on the contact sheet


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Silhouettes (T×64×64) and what is written above them."""

    silhouettes: Silhouettes
    caption: str


def contact_sheet(folder: Path, to: Path, *, identities: int = 10, frames: int = 4) -> None:
    """Write a PNG of a dataset's first identities: a row each, up to six of its sequences in it.

    Of more sequences, evenly spread ones are shown. MeshgaitError where the dataset cannot be read.
    """
    people: dict[str, list[dict]] = {}
    for row in read_labels(folder):
        people.setdefault(row["identity"], []).append(row)
    rows: list[list[Strip]] = []
    for identity, labels in list(people.items())[:identities]:
        strips = []
        for number in _spread(len(labels), _COLUMNS):
            label = labels[number]
            file = folder / identity / label["type"] / label["view"] / f"{label['view']}.pkl"
            said = f"{identity} {label['type']} {label['azimuth'] % 360:.0f}° {label['severity']}"
            strips.append(Strip(read_arrays(file)[0], said))
        rows.append(strips)
    write_png(to, sheet(rows, frames, f"{len(people)} synthetic identities: {folder.name}"))


def beside_sheet(
    results: list[Path],
    to: Path,
    settings: SynthSettings | None = None,
    *,
    pool: int = 150,
    frames: int = 10,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a PNG: every usable track of some results, and beside it the synthetic walk most like it.

    The walks are drawn for this, one each of `pool` identities of the settings' population; "most like" is
    the smallest distance between mean silhouettes. Returns how many tracks are shown.

    Raises ResultError for what is no result, NoWalkerError where none has a usable track.
    """
    settings = settings or SynthSettings()
    real = strips_of_results(results)
    if pool < 1:
        raise UsageError("a synthetic pool needs at least one identity")
    drawn: list[Strip] = []
    tasks = [(settings, number) for number in range(pool)]
    for strip in each(_drawn, tasks, workers):
        drawn.append(strip)
        if progress is not None:
            progress(len(drawn), pool)
    drawn.sort(key=lambda strip: strip.caption)
    means = np.stack([_mean(strip) for strip in drawn])
    rows = []
    for strip in real:
        nearest = int(((means - _mean(strip)) ** 2).sum((1, 2)).argmin())
        rows.append([strip, drawn[nearest]])
    title = f"left: real tracks; right: of {pool} synthetic walks, the one whose mean silhouette is nearest"
    write_png(to, sheet(rows, frames, title))
    return len(real)


def strips_of_results(results: list[Path]) -> list[Strip]:
    """The usable tracks of result folders, each with the silhouettes that count."""
    strips = []
    for folder in results:
        result = Result(folder)
        for track in result.tracks:
            if track.usable:
                kept = result.silhouettes(track, good_only=True).silhouettes
                strips.append(Strip(kept, f"{result.manifest.video.name}, track {track.id}"))
    if not strips:
        raise NoWalkerError("none of the results has a usable track to set walkers beside")
    return strips


def sheet(rows: list[list[Strip]], frames: int, title: str) -> NDArray[np.uint8]:
    """H×W×3 RGB: rows of strips, `frames` silhouettes evenly spread over each, white people on black."""
    cell = frames * _SHOWN_WIDTH + _GAP
    columns = max(len(row) for row in rows)
    width = 2 * _MARGIN + columns * cell
    step = _TALL + _CAPTION + _GAP
    picture = Image.new("RGB", (width, 2 * _MARGIN + 24 + len(rows) * step), _PAPER)
    pen = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(16), ImageFont.load_default(12)
    pen.text((_MARGIN, _MARGIN - 4), title, fill=_INK, font=large)
    for i, row in enumerate(rows):
        for j, strip in enumerate(row):
            x, y = _MARGIN + j * cell, _MARGIN + 28 + i * step
            pen.text((x, y), _cut(strip.caption, cell - _GAP, small), fill=_FAINT, font=small)
            chosen = [strip.silhouettes[t] for t in _spread(len(strip.silhouettes), frames)]
            if chosen:
                wide = np.concatenate([s[:, SIDE_CUT:-SIDE_CUT] for s in chosen], axis=1)
                picture.paste(Image.fromarray(wide), (x, y + _CAPTION))
    return np.asarray(picture)


def _drawn(task: tuple[SynthSettings, int]) -> Strip:
    settings, number = task
    identity = make_identity(settings.seed, number)
    sequence = render_sequence(
        identity,
        np.random.default_rng([settings.seed, number, 7]),
        _POOL_FRAMES,
        severity=settings.severity,
        planted=settings.plants,
    )
    caption = f"synthetic {number:05d}, {sequence.camera.azimuth:.0f}°, {sequence.severity}"
    return Strip(sequence.silhouettes, caption)


def _mean(strip: Strip) -> NDArray[np.float64]:
    return np.asarray(strip.silhouettes.mean(0))


def _spread(count: int, shown: int) -> list[int]:
    if count == 0:
        return []
    return [int(k) for k in np.unique(np.linspace(0, count - 1, min(count, shown)).astype(int))]


def _cut(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text
