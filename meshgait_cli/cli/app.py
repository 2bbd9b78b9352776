"""The command line: each command parses, calls one public function, and prints what came back.

A command's module is imported when that command is asked for, and the list of all is plain text: so
`--help` and `--version` answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from .. import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COMMANDS", "app"]

# Each lives in the module of its name; the line is the first of its own help (`tests/cli/test_app.py`).
COMMANDS = {
    "extract": "Find the people in videos; write silhouettes, quality and one identity embedding a person.",
    "embed": "Embed silhouettes that you already have: one parts×dim embedding a sequence.",
    "evaluate": (
        "Measure how well people are told apart: rank-k, mAP, mINP, EER, TAR@FAR, with 95 % intervals."
    ),
    "match": "Say of each walker who it is, out of a gallery: accepted, unknown, or not enough to say.",
    "watch": "Watch a camera, stream or file live, and say who walks by as it becomes clear.",
    "render-mesh": "Show the 3-D body that the network saw: over the video, turning, and as animated glTF.",
    "synth": (
        "Make people who do not exist: their silhouettes, with the 3-D body behind each, or videos of them."
    ),
    "train": (
        "Train a network. Killed at any moment, the same command goes on; by torchrun, in several processes."
    ),
    "export": "Write a network as ONNX, for any number of walks, frames or people; checked against torch.",
    "demo": "Run extract, match and render-mesh on a real clip, and say where to look.",
    "gallery": "Known people: enrol them, look, rename, merge, remove.",
    "weights": "The third-party model files: list, pull, verify, path.",
}


class _Commands(TyperGroup):
    """Knows the commands' names and first lines, and nothing else of them until one is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({name: TyperCommand(name, help=line) for name, line in COMMANDS.items()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return _load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _load(name: str) -> Any:
    """The command, or group of commands, in the module of that name."""
    place = name.replace("-", "_")
    module = import_module(f".{place}", __package__)
    if hasattr(module, "app"):
        return typer.main.get_command(module.app)
    function: Callable[..., Any] = getattr(module, place)
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(name)(function)
    return typer.main.get_command(alone)


app = typer.Typer(
    name="meshgait",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes around the list of commands would take longer than all the rest
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

    Everything runs on this machine, and nothing about your videos is sent anywhere, unless you name a gallery
    in s3:// or the --address of a cluster.
    """
