"""The `meshgait` command: runs the Typer app, and turns errors into one line and an exit code."""

from __future__ import annotations

from collections.abc import Sequence

from .ending import plainly

__all__ = ["main"]


@plainly()
def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 0, 1 (failure), 2 (usage) or 130 (interrupted); MESHGAIT_DEBUG=1 shows tracebacks."""
    from .cli.app import app

    app(args=arguments, prog_name="meshgait")


if __name__ == "__main__":
    main()
