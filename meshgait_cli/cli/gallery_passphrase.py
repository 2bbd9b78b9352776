"""`meshgait gallery passphrase`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import out, print_json
from .galleries import Folder, other_passphrase, passphrase_for

__all__ = ["passphrase"]


def passphrase(
    gallery: Folder,
    passphrase_file: options.PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file", metavar="FILE", help="The new one is its first line; else you are asked."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Change the passphrase of an encrypted gallery. An older copy of gallery.json opens by the old one."""
    from ..gallery.passphrase import change_passphrase
    from ..gallery.place import address_of

    old = passphrase_for(gallery, passphrase_file)
    change_passphrase(gallery, old, lambda: other_passphrase(new_passphrase_file))
    if json:
        print_json({"gallery": address_of(gallery), "changed": True})
        return
    out().print(f"{address_of(gallery)} opens by the new passphrase only", markup=False)
    out().print("older copies of its gallery.json, as in backups, open by the old one", style="dim")
