"""The command line: each command parses, calls one public function, and prints what came back."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from . import (
    demo,
    embed,
    evaluate,
    export,
    extract,
    gallery,
    match,
    render_mesh,
    synth,
    train,
    watch,
    weights,
)

__all__ = ["app"]

app = typer.Typer(
    name="meshgait",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"meshgait {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Recognise people in video by the way they walk, and see why.

    Everything runs on this machine; nothing about your videos is sent anywhere.
    """


app.command("extract")(extract.extract)
app.command("embed")(embed.embed)
app.command("evaluate")(evaluate.evaluate)
app.command("match")(match.match)
app.command("watch")(watch.watch)
app.command("render-mesh")(render_mesh.render_mesh)
app.command("synth")(synth.synth)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("demo")(demo.demo)
app.add_typer(gallery.app, name="gallery")
app.add_typer(weights.app, name="weights")
