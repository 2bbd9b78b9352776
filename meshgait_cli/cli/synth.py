"""`meshgait synth`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, print_json, showing

__all__ = ["synth"]

_WHAT, _SEEN, _FILM = "What is made", "How it is seen", "Videos instead (--scenes)"


def synth(
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The dataset's folder; an unfinished one goes on."),
    ] = None,
    identities: Annotated[
        int | None,
        typer.Option(
            "--identities", "-n", help="How many people.", show_default="100", rich_help_panel=_WHAT
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the population.", rich_help_panel=_WHAT)] = 0,
    layout: Annotated[
        str,
        typer.Option(
            "--format",
            help="opengait: a tree of .pkl files with 3-D truth; arrays: the training corpus.",
            rich_help_panel=_WHAT,
        ),
    ] = "opengait",
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            help="Of each sequence, or video.",
            show_default="40; 150 of a video",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    sequences: Annotated[
        int,
        typer.Option(
            "--sequences",
            help="Walks of each person in each condition (arrays: in all).",
            rich_help_panel=_WHAT,
        ),
    ] = 2,
    conditions: Annotated[
        str,
        typer.Option(
            "--conditions",
            help="nm: normal, bg: with a bag, cl: other clothes; nm:6 for six walks.",
            rich_help_panel=_WHAT,
        ),
    ] = "nm,bg,cl",
    motions: Annotated[
        Path | None,
        typer.Option("--motions", help="Your own walks: .amc with .asf, .bvh, .npz.", rich_help_panel=_WHAT),
    ] = None,
    plant: Annotated[
        bool | None,
        typer.Option(
            "--plant/--no-plant",
            help="Bend the legs so that feet neither slide nor drag.",
            show_default="yes; no for arrays",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    views: Annotated[
        str,
        typer.Option(
            "--views",
            help="Cameras on each walk: a number evenly round it, random, or random:N.",
            rich_help_panel=_SEEN,
        ),
    ] = "random",
    severity: Annotated[
        str | None,
        typer.Option(
            "--severity",
            help="Of the segmentation's faults: clean, mild or heavy.",
            show_default="drawn",
            rich_help_panel=_SEEN,
        ),
    ] = None,
    scenes: Annotated[
        int | None,
        typer.Option(
            "--scenes", help="Film so many colour videos with true outlines.", rich_help_panel=_FILM
        ),
    ] = None,
    each: Annotated[
        int, typer.Option("--each", help="Videos in which each person is seen.", rich_help_panel=_FILM)
    ] = 2,
    walkers: Annotated[int, typer.Option("--walkers", help="People in a video.", rich_help_panel=_FILM)] = 1,
    clothes: Annotated[
        str,
        typer.Option(
            "--clothes",
            help="In later videos: same, other or mixed.",
            rich_help_panel=_FILM,
        ),
    ] = "mixed",
    background: Annotated[
        Path | None,
        typer.Option("--background", help="Your own picture or video behind them.", rich_help_panel=_FILM),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.", rich_help_panel=_FILM)
    ] = "960x540",
    fps: Annotated[float, typer.Option("--fps", help="Frames a second.", rich_help_panel=_FILM)] = 30.0,
    contact: Annotated[
        Path | None, typer.Option("--contact", help="Also write a picture of what was made: a PNG file.")
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            help="A result folder: only draw a picture of its walkers beside synthetic ones (--contact).",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=1024, help="Processes.", show_default="one a core")
    ] = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make people who do not exist: their silhouettes, with the 3-D body behind each, or videos of them.

    The same seed gives the same files. Killed at any moment, the same command goes on.
    """
    from ..synth.plan import SynthSettings
    from ..synth.session import IDENTITIES, SynthRequest, run, scene_settings

    settings = SynthSettings(
        seed=seed,
        frames=40 if frames is None else frames,
        sequences=sequences,
        conditions=tuple(part.strip() for part in conditions.split(",")),
        views=views,
        severity=severity,
        format=layout,
        planted=plant,
    )
    filmed = scene_settings(scenes, identities, seed, each, walkers, frames, fps, size, clothes, background)
    people = IDENTITIES if identities is None else identities
    request = SynthRequest(settings, to, people, motions, contact, tuple(beside or ()), workers, filmed)

    def say(line: str) -> None:
        if not quiet:
            err().print(line, style="dim", markup=False)

    with showing("synth", quiet) as progress:
        done = run(request, progress=progress, announce=say)
    if json:
        print_json(done.record())
        return
    for line in done.lines():
        out().print(line, markup=False, soft_wrap=True)
