"""Room for one thing, the newest: whoever is slow misses some, and is never behind."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

__all__ = ["Latest"]

T = TypeVar("T")


class Latest(Generic[T]):
    """Handed from one thread to another. offered, dropped: how many were put in; overwritten before anybody
    took them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.offered = self.dropped = 0

    def put(self, item: T) -> None:
        with self._changed:
            self.dropped += self._item is not None
            self.offered += 1
            self._item = item
            self._changed.notify()

    def close(self) -> None:
        """Nothing more comes; what is in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """The newest, waited for up to `timeout` seconds; None when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    @property
    def finished(self) -> bool:
        """Closed, and everything taken."""
        with self._changed:
            return self._closed and self._item is None
