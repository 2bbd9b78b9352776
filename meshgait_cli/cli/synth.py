"""`meshgait synth`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, print_json, showing

__all__ = ["synth"]

_WHAT, _SEEN = "What is made", "How it is seen"


def synth(
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The dataset's folder; an unfinished one goes on."),
    ] = None,
    identities: Annotated[
        int, typer.Option("--identities", "-n", help="How many people.", rich_help_panel=_WHAT)
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of the population.", rich_help_panel=_WHAT)] = 0,
    layout: Annotated[
        str,
        typer.Option(
            "--format",
            help="opengait: a tree of .pkl files with 3-D truth; arrays: the training corpus.",
            rich_help_panel=_WHAT,
        ),
    ] = "opengait",
    frames: Annotated[int, typer.Option("--frames", help="Of each sequence.", rich_help_panel=_WHAT)] = 40,
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
        int, typer.Option("--workers", min=0, help="Processes.", show_default="one a core")
    ] = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make people who do not exist: their silhouettes, with the 3-D body behind each.

    The same seed gives the same files. Killed at any moment, the same command goes on.
    """
    from ..synth.plan import SynthSettings
    from ..synth.session import SynthRequest, run

    settings = SynthSettings(
        seed=seed,
        frames=frames,
        sequences=sequences,
        conditions=tuple(part.strip() for part in conditions.split(",")),
        views=views,
        severity=severity,
        format=layout,
        planted=plant,
    )
    request = SynthRequest(settings, to, identities, motions, contact, tuple(beside or ()), workers)

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
