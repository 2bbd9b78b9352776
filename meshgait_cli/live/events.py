"""The event log: one JSON object a line, each on disk before the next thing happens.

docs/watch.md says what is in each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import UsageError
from ..words import from_json

__all__ = ["EventLog"]


class EventLog:
    """Appends events to a file, which is its owner's only, since it names people.

    path: None keeps no file. listen: called with each event as well. Raises UsageError when the file cannot
    be opened or is something else than an event log, OSError when it cannot be written any more.
    """

    def __init__(self, path: Path | None, listen: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.path, self._listen = path, listen
        self._file = None
        if path is not None:
            try:
                if path.is_file() and not _is_log(path):
                    raise UsageError(f"{path} is there and no event log: choose another --log")
                path.parent.mkdir(parents=True, exist_ok=True)
                number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                self._file = os.fdopen(number, "a", encoding="utf-8")
                _make_own(path)
            except OSError as error:
                raise UsageError(f"cannot write the event log {path}: {error.strerror or error}") from error

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, event: str, **facts: Any) -> dict[str, Any]:
        """Write one event: its name, the time (UTC, ISO 8601) and its facts. Returns it."""
        entry = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
        line = json.dumps(_plain(entry), ensure_ascii=False, allow_nan=False)
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        if self._listen is not None:
            self._listen(json.loads(line))
        return entry


def _is_log(path: Path) -> bool:
    """An empty file can become one."""
    with path.open("rb") as file:
        line = file.readline(1_000_000)
    try:
        first = from_json(line or b'{"event": ""}')
    except ValueError:
        return False
    return isinstance(first, dict) and "event" in first


def _make_own(path: Path) -> None:
    """A log that was there before is its owner's only as well. A pipe or a terminal stays as it is, and so
    does what belongs to somebody else, or lies where there are no modes."""
    if path.is_file():
        with suppress(PermissionError):
            path.chmod(0o600)


def _plain(value: Any) -> Any:
    """Floats rounded; what is not finite becomes null, for JSON has no other word for it."""
    if isinstance(value, float):
        return round(value, 4) if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
