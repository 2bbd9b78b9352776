"""Lines that are only ever appended, in one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from .private import locked

__all__ = ["FileLog", "Log", "More"]

_TAIL = 1 << 16  # bytes in which the last line is looked for: a thousand people take 20 kB
More = Callable[[bytes], Sequence[bytes]]  # the last line, to those that follow it


class Log(Protocol):
    """address: as people write it."""

    @property
    def address(self) -> str: ...

    def lines(self) -> list[bytes]:
        """All, without line feeds; none where nothing was ever appended."""

    def append(self, more: More) -> None:
        """more: gets the last line (empty where there is none) and returns what is to follow it; nobody else
        appends in between. It may be asked again."""


class FileLog:
    """In a file for the owner only; the lock beside it is held while a line is added."""

    def __init__(self, path: Path) -> None:
        self.path, self.address = path, str(path)

    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines() if self.path.exists() else []

    def append(self, more: More) -> None:
        """Raises GalleryError when the log is locked for long, OSError when it cannot be written."""
        with locked(self.path.with_name(f".{self.path.stem}.lock")):
            last = self._last()
            content = b"".join(line + b"\n" for line in more(last.rstrip(b"\n")))
            if last and not last.endswith(b"\n"):
                content = b"\n" + content  # its writer was killed in the middle of a line
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                while content:
                    content = content[os.write(file, content) :]
                os.fsync(file)
            finally:
                os.close(file)

    def _last(self) -> bytes:
        """The last line, with its line feed unless it was cut short."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().splitlines(keepends=True)
        return lines[-1] if lines else b""
