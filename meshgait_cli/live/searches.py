"""A gallery's log of who was asked about, kept beside the watching: a bucket far away may take its time, or
be out of reach for a while, and nobody who walks by waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ..errors import MeshgaitError

__all__ = ["Searches"]

RETRY_S = 10.0


class Audit(Protocol):
    def note(self, action: str, people: Sequence[str] = (), **facts: Any) -> None: ...


class Searches:
    """Puts searches on a gallery's log, in order, in a thread of its own; what cannot be put there now is
    tried again every `retry_s` seconds. audit: None keeps no log."""

    def __init__(self, audit: Audit | None, retry_s: float = RETRY_S) -> None:
        self._audit, self._retry_s = audit, retry_s
        self._jobs: SimpleQueue[tuple[str, list[str]] | None] = SimpleQueue()
        self._troubles: SimpleQueue[str] = SimpleQueue()
        self._ending = threading.Event()
        self._left, self._why = 0, "no answer yet"
        self._thread = threading.Thread(target=self._work, name="searches", daemon=True)
        if audit is not None:
            self._thread.start()

    def add(self, names: list[str]) -> None:
        """Somebody was asked about; names: whom they were taken for."""
        if self._audit is not None:
            self._left += 1
            self._jobs.put((datetime.now(UTC).isoformat(timespec="milliseconds"), names))

    def trouble(self) -> str | None:
        """Why nothing can be put on the log, told once for each time that it begins."""
        try:
            return self._troubles.get_nowait()
        except Empty:
            return None

    def end(self, patience_s: float) -> str | None:
        """Try what is left once more; in words how many searches could not be put on the log in this time,
        and why."""
        self._ending.set()
        self._jobs.put(None)
        if self._audit is not None:
            self._thread.join(patience_s)
        if not self._left:
            return None
        searches = "1 search" if self._left == 1 else f"{self._left} searches"
        return f"{searches} could not be put on the gallery's log: {self._why}"

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            asked, names = job
            late = False
            while not self._put(names, {"asked": asked} if late else {}, told=late):
                if self._ending.is_set():
                    return
                late = True
                self._ending.wait(self._retry_s)
            self._left -= 1

    def _put(self, names: list[str], facts: dict[str, str], *, told: bool) -> bool:
        assert self._audit is not None
        try:
            self._audit.note("search", names, walkers=1, **facts)
        except (MeshgaitError, OSError) as error:
            self._why = str(error)
            if not told:
                self._troubles.put(self._why)
            return False
        return True
