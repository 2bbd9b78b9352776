"""`meshgait gallery remove`, `rename` and `merge`: who is who."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from . import options
from .console import err, out, print_json
from .galleries import Folder, Yes, counted, opened

__all__ = ["merge", "remove", "rename"]


def remove(
    gallery: Folder,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Who is to be forgotten.")] = None,
    identity: Annotated[
        str | None, typer.Option("--identity", "-i", help="The same, as an option.", show_default=False)
    ] = None,
    sequence: Annotated[
        str | None, typer.Option("--sequence", help="Only this sequence, by its id (see `show`).")
    ] = None,
    yes: Yes = False,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Erase a person: embeddings, silhouettes, index entries and all their older versions on the disk."""
    if (name is None) == (identity is None):
        raise UsageError("say once who is to be removed: `meshgait gallery remove GALLERY NAME`")
    who = name if name is not None else str(identity)
    store = opened(gallery, passphrase_file)
    rows = store.describe(who)
    if not yes:
        what = f"all {len(rows)} sequences" if len(rows) > 1 else "the one sequence"
        _confirm(f"erase {what if sequence is None else f'sequence {sequence}'} of {who!r} for good?")
    gone = store.remove(who, sequence)
    if json:
        print_json({"identity": who, "removed": gone})
        return
    out().print(f"{counted(gone)} of {who} erased", markup=False)


def rename(
    gallery: Folder,
    identity: Annotated[str, typer.Argument(metavar="NAME", help="The name now.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Give a person another name."""
    moved = opened(gallery, passphrase_file).rename(identity, new)
    if json:
        print_json({"identity": new.strip(), "was": identity, "sequences": moved})
        return
    out().print(f"{identity} is called {new.strip()} now ({counted(moved)})", markup=False)


def merge(
    gallery: Folder,
    into: Annotated[str, typer.Argument(metavar="NAME", help="Who stays.")],
    others: Annotated[list[str], typer.Argument(metavar="OTHER", help="Who is the same person.")],
    yes: Yes = False,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Make several people one."""
    store = opened(gallery, passphrase_file)
    for name in (into, *others):
        store.describe(name)  # nobody is asked about people who are not there
    if not yes:
        _confirm(f"make {', '.join(map(repr, others))} and {into!r} one person? It cannot be undone")
    moved = store.merge(into, others)
    if json:
        print_json({"identity": into, "merged": others, "moved": moved})
        return
    out().print(f"{counted(moved)} more are {into}'s now", markup=False)


def _confirm(question: str) -> None:
    try:
        if typer.confirm(question, err=True):
            return
    except typer.Abort:
        err().print()  # there was nobody to answer
    err().print("nothing was changed (--yes does not ask)", markup=False)
    raise typer.Exit(1)
