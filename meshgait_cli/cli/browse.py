"""`meshgait gallery browse`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import out
from .galleries import passphrase_for
from .seeing import Seeing, with_seeing

__all__ = ["browse"]


@with_seeing
def browse(
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="The gallery's folder, or s3://bucket/name.")
    ],
    port: Annotated[int, typer.Option("--port", help="Where to listen; 0 takes one that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open it in your browser.")] = True,
    far: Annotated[
        float, typer.Option("--far", help="Share of strangers that a search may accept as somebody.")
    ] = 0.01,
    max_mb: Annotated[float, typer.Option("--max-mb", help="The largest video that may be dropped.")] = 2000,
    *,
    seeing: Seeing,
    passphrase_file: options.PassphraseFile = None,
) -> None:
    """Look at a gallery in your browser: who is in it, search by a video, rename, merge, remove.

    It answers on this machine only, to whoever has the address with its token. Ctrl-C ends it.
    """
    from ..browse.session import serve
    from ..gallery.place import address_of

    extractor = seeing.extractor()

    def announce(address: str) -> None:
        out().print(f"{address_of(gallery)} is at {address}", markup=False, soft_wrap=True)
        out().print("Ctrl-C ends it.", style="dim")

    serve(
        gallery, extractor, port=port, far=far, most_mb=max_mb,
        open_browser=open_browser,
        passphrase=passphrase_for(gallery, passphrase_file), announce=announce,
    )  # fmt: skip
    out().print("closed", style="dim")
