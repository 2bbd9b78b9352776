"""What is read is not written over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .errors import UsageError

__all__ = ["keep_out", "spare"]


def spare(option: str, path: Path, *inputs: Path | str | None) -> None:
    """Say before the work, and not after it, that `path` is a folder, or one of the files that are read.
    Raises UsageError, which names the option."""
    if path.is_dir():
        raise UsageError(f"{option} {path} is a folder: name a file in it")
    for given in inputs:
        with suppress(OSError):  # one of the two is not there
            if given is not None and path.samefile(given):
                raise UsageError(f"{option} {path} would overwrite what is read: choose another name")


def keep_out(option: str, path: Path, gallery: Path) -> None:
    """Raises UsageError for a file inside a gallery's folder, where all that lies is the gallery's."""
    if path.resolve().is_relative_to(gallery.resolve()):
        raise UsageError(f"{option} {path} lies in the gallery {gallery}: name a place outside it")
