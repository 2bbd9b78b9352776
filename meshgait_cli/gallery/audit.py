"""The audit log of a gallery: who was enrolled, searched and removed, when, and by whom.

One JSON object a line, only ever appended. Each line carries the sha256 of the line before it, so that a
line which was changed or taken out shows. People stand in it under a pseudonym, HMAC-SHA256 of the name under
the gallery's own key: whoever knows a name can ask what was done about it, and after an erasure the log
holds neither the name nor anything else of the person. In an encrypted gallery each line is a sealed box in
base64, and the key of the pseudonyms follows from the gallery's.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import GalleryError
from .private import locked
from .seal import Seal

__all__ = ["Audit"]

LOG = "audit.jsonl"
KEY = "audit.key"
_PEOPLE = 1000  # on one line
_TAIL = 1 << 16  # bytes in which the last line is looked for: a thousand people take 20 kB


class Audit:
    """The log of the gallery in `folder`. It and its key are made on first use, for the owner only."""

    def __init__(self, folder: Path, seal: Seal | None = None) -> None:
        self._seal = seal
        self.path, self._key_path = folder / LOG, folder / KEY

    def pseudonym(self, identity: str) -> str:
        """Under which the identity stands in the log."""
        return _pseudonym(self._key(), identity)

    def note(self, action: str, people: Iterable[str] = (), **facts: Any) -> None:
        """Append a line (several where there are very many people). facts: numbers and words that name
        nobody.

        Raises GalleryError when the log is locked for long, OSError when it cannot be written.
        """
        key = self._key()
        everybody = [_pseudonym(key, name) for name in people]
        with locked(self.path.with_name(".audit.lock")):
            for start in range(0, len(everybody) or 1, _PEOPLE):
                self._append(action, everybody[start : start + _PEOPLE], facts)

    def _append(self, action: str, people: list[str], facts: dict[str, Any]) -> None:
        last = self._last()
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "user": _user(),
            "action": action,
            "people": people,
            **facts,
            "after": hashlib.sha256(last.rstrip(b"\n")).hexdigest()[:16],
        }
        line = self._closed(json.dumps(entry, ensure_ascii=False).encode()) + b"\n"
        if last and not last.endswith(b"\n"):
            line = b"\n" + line  # its writer was killed in the middle of a line
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)

    def entries(self, identity: str | None = None) -> list[dict[str, Any]]:
        """The log, or what it says of one person, under former names too. A line cut short by a crash is left
        out."""
        found = [entry for entry in map(self._parsed, self._lines()) if entry is not None]
        return found if identity is None else _about(found, self.pseudonym(identity))

    def verify(self) -> None:
        """Raises GalleryError when a line was changed, or taken out of the middle."""
        before = b""
        for number, line in enumerate(self._lines(), 1):
            entry = self._parsed(line)
            if entry is not None and entry.get("after") != hashlib.sha256(before).hexdigest()[:16]:
                raise GalleryError(
                    f"{self.path} was tampered with: line {number} does not follow the one before"
                )
            before = line

    def _lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines() if self.path.exists() else []

    def _last(self) -> bytes:
        """The last line, with its line feed unless it was cut short."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().splitlines(keepends=True)
        return lines[-1] if lines else b""

    def _closed(self, line: bytes) -> bytes:
        return line if self._seal is None else base64.b64encode(self._seal.close("log", line))

    def _parsed(self, line: bytes) -> dict[str, Any] | None:
        """None for a line that was cut short."""
        try:
            if self._seal is not None:
                line = self._seal.open("log", base64.b64decode(line, validate=True))
            entry = json.loads(line)
        except (ValueError, GalleryError):
            return None
        return entry if isinstance(entry, dict) and isinstance(entry.get("people"), list) else None

    def _key(self) -> bytes:
        if self._seal is not None:
            return self._seal.key("pseudonyms")
        try:
            return bytes.fromhex(self._key_path.read_text())
        except FileNotFoundError:
            pass
        aside = self._key_path.with_name(f".{KEY}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):
                os.link(aside, self._key_path)  # unlike a rename it never replaces another process's key
        finally:
            aside.unlink(missing_ok=True)
        return bytes.fromhex(self._key_path.read_text())


def _about(entries: list[dict[str, Any]], pseudonym: str) -> list[dict[str, Any]]:
    """Those about one person. In a line of a new name the name stands first, then the one given up: whoever
    had, or got, that name at another time is somebody else."""
    wanted, found = {pseudonym}, []
    for entry in reversed(entries):
        if wanted.isdisjoint(entry["people"]):
            continue
        found.append(entry)
        if (action := entry.get("action")) in ("rename", "merge") and entry["people"][0] in wanted:
            if action == "rename":
                wanted.discard(entry["people"][0])
            wanted.update(entry["people"][1:])
    return found[::-1]


def _pseudonym(key: bytes, identity: str) -> str:
    return hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:16]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "?"
