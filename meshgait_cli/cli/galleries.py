"""What the commands that take a gallery share: its passphrase, and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .console import out

if TYPE_CHECKING:
    from ..gallery.store import Store

__all__ = [
    "Folder",
    "Yes",
    "counted",
    "new_passphrase",
    "opened",
    "other_passphrase",
    "passphrase_for",
    "print_table",
]

Folder = Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's folder, or s3://bucket/name.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def opened(gallery: Path, passphrase_file: Path | None) -> Store:
    """The gallery; its passphrase is asked for where it has one."""
    from ..gallery.store import Store

    return Store(gallery, passphrase_for(gallery, passphrase_file))


def passphrase_for(gallery: Path, file: Path | None) -> str | None:
    """From the file, the environment, or whoever sits at the terminal; None where none is wanted or to be
    had. Raises UsageError when the file has none, or the gallery lies where none can."""
    from ..gallery.place import place_at
    from ..gallery.settings import is_encrypted

    place = place_at(gallery)
    if not is_encrypted(place):
        return None
    return _given(file) or _asked(f"passphrase of {place}: ")


def new_passphrase(file: Path | None) -> str:
    """For a gallery that is to be made: at a terminal it is asked for twice. Raises UsageError when there is
    none."""
    from ..gallery.seal import PASSPHRASE, SHORTEST

    found = _given(file) or _asked_twice(f"passphrase, {SHORTEST} characters or more: ", "made")
    if not found:
        raise UsageError(f"--encrypt wants a passphrase: from {PASSPHRASE}, --passphrase-file or a terminal")
    return found


def other_passphrase(file: Path | None) -> str:
    """For a gallery that has one: the environment holds the old one. Raises UsageError when there is none."""
    from ..gallery.seal import SHORTEST

    if file is not None:
        return _first_line(file)
    found = _asked_twice(f"new passphrase, {SHORTEST} characters or more: ", "changed")
    if not found:
        raise UsageError("there is no new passphrase: type it at a terminal, or give --new-passphrase-file")
    return found


def _given(file: Path | None) -> str | None:
    import os

    from ..gallery.seal import PASSPHRASE

    return os.environ.get(PASSPHRASE) if file is None else _first_line(file)


def _first_line(file: Path) -> str:
    try:
        found = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        found = ""
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if not found:
        raise UsageError(f"{file} holds no passphrase: it is the first line")
    return found


def _asked_twice(question: str, done: str) -> str | None:
    found = _asked(question)
    if found and found != _asked("the same again: "):
        raise UsageError(f"these are two different passphrases: nothing was {done}")
    return found


def _asked(question: str) -> str | None:
    from getpass import getpass

    if not sys.stdin.isatty():
        return None
    try:
        return getpass(question)
    except EOFError:
        return None


def counted(number: int) -> str:
    return f"{number} sequence" + ("" if number == 1 else "s")


def print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], *whole: int) -> None:
    """Names are other people's text: nothing in them is markup. whole: columns that are never cut short."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for number, column in enumerate(columns):
        width = max(len(row[number]) for row in rows) if number in whole and rows else None
        table.add_column(column, no_wrap=number in whole, min_width=width)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    out().print(table)
