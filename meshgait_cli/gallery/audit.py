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
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ..errors import GalleryError, GalleryUnreadable
from ..words import from_json
from .place import Anywhere, place_at
from .seal import Seal

__all__ = ["Audit"]

LOG = "audit.jsonl"
KEY = "audit.key"
_KEY_BYTES = 32
_PEOPLE = 1000  # on one line


class Audit:
    """The log of the gallery that lies there. It and its key are made on first use, for the owner only."""

    def __init__(self, where: Anywhere, seal: Seal | None = None) -> None:
        self._place, self._seal = place_at(where), seal
        self._log = self._place.log(LOG)
        self._found: bytes | None = None  # the key, once it was read

    def ready(self) -> None:
        """Before a change that will have to be noted: raises GalleryError when its people could not be."""
        self._key()

    def pseudonym(self, identity: str) -> str:
        """Under which the identity stands in the log."""
        return _pseudonym(self._key(), identity)

    def note(self, action: str, people: Iterable[str] = (), **facts: Any) -> None:
        """Append a line (several where there are very many people). facts: numbers and words that name
        nobody.

        Raises GalleryError when the log is locked for long, OSError when it cannot be written.
        """
        self.write(self.entry(action, people, **facts))

    def entry(self, action: str, people: Iterable[str] = (), **facts: Any) -> dict[str, Any]:
        """What `note` would write: to be kept until it is sure, and then given to `write`."""
        key = self._key()
        return {"action": action, "people": [_pseudonym(key, name) for name in people], **facts}

    def write(self, entry: dict[str, Any]) -> None:
        """Append what `entry` returned, as `note` does."""
        self._place.check()
        everybody = entry["people"]

        def more(last: bytes) -> list[bytes]:
            lines: list[bytes] = []
            for start in range(0, len(everybody) or 1, _PEOPLE):
                people = everybody[start : start + _PEOPLE]
                lines.append(self._line(lines[-1] if lines else last, entry | {"people": people}))
            return lines

        self._log.append(more)

    def _line(self, last: bytes, entry: dict[str, Any]) -> bytes:
        whole = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "user": _user(),
            **entry,
            "after": hashlib.sha256(last).hexdigest()[:16],
        }
        return self._closed(json.dumps(whole, ensure_ascii=False).encode())

    def entries(self, identity: str | None = None) -> list[dict[str, Any]]:
        """The log, or what it says of one person, under former names too. A line cut short by a crash is left
        out."""
        found = [entry for entry in map(self._parsed, self._log.lines()) if entry is not None]
        return found if identity is None else _about(found, self.pseudonym(identity))

    def verify(self) -> None:
        """Raises GalleryError when a line was changed, or taken out of the middle, or nothing is left of the
        log: the making of the gallery stands in it."""
        before, lines = b"", self._log.lines()
        entries = [self._parsed(line) for line in lines]
        if not any(entries):
            raise GalleryError(f"{self._log.address} was tampered with: no line of the log is left")
        for number, (line, entry) in enumerate(zip(lines, entries, strict=True), 1):
            if entry is not None and entry.get("after") != hashlib.sha256(before).hexdigest()[:16]:
                raise GalleryError(
                    f"{self._log.address} was tampered with: line {number} does not follow the one before"
                )
            before = line

    def _closed(self, line: bytes) -> bytes:
        return line if self._seal is None else base64.b64encode(self._seal.close("log", line))

    def _parsed(self, line: bytes) -> dict[str, Any] | None:
        """None for a line that was cut short, or holds what no line of ours does."""
        try:
            if self._seal is not None:
                line = self._seal.open("log", base64.b64decode(line, validate=True))
            entry = from_json(line)
            json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()  # it can be told again
        except (ValueError, GalleryError):
            return None
        people = entry.get("people") if isinstance(entry, dict) else None
        named = isinstance(people, list) and all(isinstance(name, str) for name in people)
        return entry if named else None

    def _key(self) -> bytes:
        if self._found is None:
            self._found = self._kept() if self._seal is None else self._seal.key("pseudonyms")
        return self._found

    def _kept(self) -> bytes:
        try:
            with suppress(FileNotFoundError):
                return self._read_key()
            self._place.write_new(KEY, secrets.token_hex(_KEY_BYTES).encode())
            return self._read_key()
        except ValueError as error:
            raise GalleryUnreadable(
                f"{self._place}/{KEY} is damaged: take it from a copy, the log cannot name people without it"
            ) from error

    def _read_key(self) -> bytes:
        key = bytes.fromhex(self._place.read(KEY).decode())
        if len(key) != _KEY_BYTES:  # of an empty one pseudonyms would be made that anybody can make
            raise ValueError(f"it has {len(key)} bytes")
        return key


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
