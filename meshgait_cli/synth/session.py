"""All that `meshgait synth` can be asked for, as one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..spared import spare
from .dataset import SynthResult, make_dataset
from .plan import SynthSettings
from .scenes import SceneResult, make_scenes
from .staging import SceneSettings

if TYPE_CHECKING:
    from ..pipeline import Progress

__all__ = ["IDENTITIES", "SynthDone", "SynthRequest", "run", "scene_settings"]

IDENTITIES = 100  # unless another number is asked for

BESIDE = Path("real-and-synthetic.png")
_POOL_PEOPLE = 150  # synthetic walks among which the likest to a real one is looked for


@dataclass(frozen=True, slots=True)
class SynthRequest:
    """out: the dataset's folder; with `beside` alone, None. motions: a folder of recorded walks. contact: a
    picture to write. beside: result folders to set synthetic walkers beside. workers: 0 for one a core.
    scenes: videos to make instead of silhouettes."""

    settings: SynthSettings
    out: Path | None
    identities: int
    motions: Path | None = None
    contact: Path | None = None
    beside: tuple[Path, ...] = ()
    workers: int = 0
    scenes: SceneSettings | None = None


@dataclass(frozen=True, slots=True)
class SynthDone:
    """result: the dataset, if one was made. contact: the picture, if one was drawn. motions: recorded walkers
    and cycles that took part. skipped: recorded takes in which nobody walks. tracks: real ones in the
    picture. scenes: what was filmed instead."""

    result: SynthResult | None
    contact: Path | None
    motions: tuple[int, int] | None = None
    skipped: tuple[str, ...] = ()
    tracks: int | None = None
    scenes: SceneResult | None = None

    def record(self) -> dict[str, Any]:
        """As plain values."""
        if self.scenes is not None:
            filmed = {**asdict(self.scenes), "folder": str(self.scenes.folder)}
            return {**filmed, "frames_per_s": round(self.scenes.rate, 2)}
        made = {} if self.result is None else {**asdict(self.result), "folder": str(self.result.folder)}
        if self.result is not None:
            made["silhouettes_per_s"] = round(self.result.rate, 1)
        walkers = (
            None if self.motions is None else dict(zip(("walkers", "cycles"), self.motions, strict=True))
        )
        return {
            **made,
            "contact": None if self.contact is None else str(self.contact),
            "motions": walkers,
            "skipped_takes": list(self.skipped),
            "real_tracks": self.tracks,
        }

    def lines(self) -> list[str]:
        """For a person to read."""
        said = []
        if self.scenes is not None:
            film = self.scenes
            state = f"{film.made} filmed" + (f", {film.kept} kept" if film.kept else "")
            speed = f", {film.rate:.1f} frames/s" if film.made else ""
            said.append(
                f"{film.scenes} scenes ({state}) of {film.people} people, {film.frames} frames{speed} → "
                f"{film.folder.as_posix()}"
            )
        if self.motions is not None:
            said.append(f"{self.motions[0]} recorded walkers, {self.motions[1]} cycles")
            said += [f"left out: {line}" for line in self.skipped]
        if self.result is not None:
            result = self.result
            state = f"{result.made} drawn" if not result.kept else f"{result.made} drawn, {result.kept} kept"
            speed = f", {result.rate:.0f} silhouettes/s" if result.made else ""
            said.append(
                f"{result.identities} identities ({state}), {result.sequences} sequences, "
                f"{result.silhouettes} silhouettes{speed} → {result.folder.as_posix()}"
            )
        if self.contact is not None:
            who = "" if self.tracks is None else f"{self.tracks} real track(s) beside synthetic walkers "
            said.append(f"{who}→ {self.contact.as_posix()}")
        return said


def scene_settings(
    scenes: int | None,
    identities: int | None,
    seed: int,
    each: int,
    walkers: int,
    frames: int | None,
    fps: float,
    size: str,
    clothes: str,
    background: Path | None,
) -> SceneSettings | None:
    """What a command asks for, None where it asks for no scenes. size: "960x540". UsageError for what cannot
    be."""
    if scenes is None:
        if background is not None:
            raise UsageError("--background goes with --scenes N")
        return None
    if identities is not None:
        raise UsageError("--identities goes without --scenes: as many people are drawn as --each asks for")
    wide, _, tall = size.partition("x")
    if not (wide.isdecimal() and tall.isdecimal()):
        raise UsageError(f"--size is WIDTHxHEIGHT, as 960x540, not {size!r}")
    frames = 150 if frames is None else frames
    return SceneSettings(
        seed=seed, scenes=scenes, each=each, walkers=walkers, frames=frames, fps=fps, width=int(wide),
        height=int(tall), clothes=clothes, background=background,
    )  # fmt: skip


def run(
    request: SynthRequest,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> SynthDone:
    """Make the dataset, or the picture beside real walkers; see `dataset.make_dataset` for the errors."""
    settings, workers = request.settings, request.workers or os.cpu_count() or 1
    if request.contact is not None:
        if request.contact.suffix.lower() != ".png":
            raise UsageError(f"--contact writes a PNG: name it {request.contact.with_suffix('.png').name}")
        behind = None if request.scenes is None else request.scenes.background
        spare("--contact", request.contact, behind)
    if request.beside:
        return _beside(request, workers, progress)
    if request.out is None:
        raise UsageError("say where to: --out DIR")
    if request.scenes is not None:
        if request.motions is not None:
            raise UsageError("--motions goes without --scenes: scenes show the model's own walkers")
        filmed = make_scenes(
            request.out, request.scenes, workers=workers, progress=progress, announce=announce
        )
        if request.contact is not None:
            from .stills import scene_sheet

            scene_sheet(request.out, request.scenes, request.contact)
        return SynthDone(None, request.contact, scenes=filmed)
    if settings.format == "arrays" and request.contact is not None:
        raise UsageError("--contact goes with --format opengait")
    library = None
    if request.motions is not None:
        from .takes.library import read_library

        library = read_library(request.motions)
    result = make_dataset(
        request.out,
        request.identities,
        settings,
        library=library,
        workers=workers,
        progress=progress,
        announce=announce,
    )
    if request.contact is not None:
        from .sheet import contact_sheet

        contact_sheet(request.out, request.contact)
    counts = None if library is None else (len(library.extra) // 2, library.cycles)
    return SynthDone(result, request.contact, counts, () if library is None else library.skipped)


def _beside(request: SynthRequest, workers: int, progress: Progress | None) -> SynthDone:
    from ..pipeline import Step
    from .sheet import beside_sheet

    if request.out is not None or request.motions is not None:
        raise UsageError("--beside only draws a picture: leave out --out and --motions")

    def show(done: int, total: int) -> None:
        if progress is not None:
            progress(Step("drawing walkers", done, total, done))

    to = request.contact or BESIDE
    tracks = beside_sheet(
        list(request.beside), to, request.settings, pool=_POOL_PEOPLE, workers=workers, progress=show
    )
    return SynthDone(None, to, tracks=tracks)
