"""The `meshgait` command: runs the Typer app, and turns errors into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from .ending import plainly

__all__ = ["main"]


@plainly()
def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 0, 1 (failure), 2 (usage) or 130 (interrupted); MESHGAIT_DEBUG=1 shows tracebacks."""
    from .cli.app import app

    _open_streams()
    app(args=arguments, prog_name="meshgait")


def _open_streams() -> None:
    """Stands in for standard streams that are closed, and lets them take signs that their encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
