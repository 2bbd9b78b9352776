"""`meshgait weights`: the third-party model files."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options
from .console import err, out, print_json

__all__ = ["app"]

app = typer.Typer(
    help="The third-party model files: list, pull, verify, path.", no_args_is_help=True, add_completion=False
)

Names = Annotated[list[str] | None, typer.Argument(help="Registered names; none: what the defaults need.")]
DEFAULTS = ("yolo11n-pose.pt", "mobile_sam.pt")


@app.command("list")
def list_files(json: options.Json = False) -> None:
    """All registered files, and which of them are here."""
    from .. import assets

    entries = assets.registry()
    if json:
        print_json([{**e.model_dump(mode="json"), "here": assets.is_cached(n)} for n, e in entries.items()])
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("file", "role", "MB", "licence", "here", "what it is"):
        table.add_column(column, justify="right" if column == "MB" else "left")
    for name, entry in entries.items():
        here = "[green]yes[/]" if assets.is_cached(name) else "no"
        table.add_row(name, entry.role, f"{entry.bytes / 1e6:.1f}", entry.licence, here, entry.note)
    out().print(table)
    out().print(f"kept in {assets.cache_dir()}", markup=False, soft_wrap=True)


@app.command("pull")
def pull(
    names: Names = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is here.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch files now, for later use without a network."""
    from .. import assets

    for name in names or DEFAULTS:
        path = assets.fetch(name, progress=not quiet, force=force)
        out().print(f"{name}  {path}", markup=False, soft_wrap=True)


@app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="None: all that are here.")] = None,
) -> None:
    """Check the sha256 of files that are here."""
    from .. import assets
    from ..errors import ChecksumError, WeightsError

    assets.require_place()
    chosen = names or [name for name in assets.registry() if assets.is_cached(name)]
    wrong = []
    for name in chosen:
        assets.require_place(assets.entry(name).name)
        if not assets.is_cached(name):
            raise WeightsError(f"{name} is not here: `meshgait weights pull {name}` fetches it")
        try:
            assets.fetch(name)
            out().print(f"{name}  ok", markup=False)
        except ChecksumError as error:
            wrong.append(name)
            err().print(str(error), style="red", markup=False)
    if wrong:
        raise ChecksumError(
            f"{len(wrong)} of {len(chosen)} files are not what they should be: {', '.join(wrong)}"
        )
    if not chosen:
        out().print("no file is here yet")


@app.command("path")
def path(name: Annotated[str | None, typer.Argument(help="None: the folder.")] = None) -> None:
    """Where a file is kept, or would be."""
    from .. import assets

    print(assets.cache_dir() if name is None else assets.cache_dir() / assets.entry(name).name)
