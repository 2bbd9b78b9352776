"""The right to write to a gallery in an object store: an object that its holder renews.

Who wants it puts the object where there is none, or over one that says "free", on condition that nobody else
did so in between. A holder that was not heard of for LIFE_S, by the clock of whoever waits, has lost it:
the object is replaced, on condition of its e_tag. No two machines' clocks are compared.

A holder that was only held up (a paused machine, a lost network) notices before its next write, because its
last renewal is too long ago, and for certain when it gives the right back, which is on condition, too, and
comes before anything is reported as done. What it had sent off just before may arrive later all the same:
for rows it arrives in a table nobody reads any more (`Holding._fence`); for single objects nothing does.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any

from ..errors import GalleryError, MeshgaitError
from ..words import from_json
from .objects import NEW, Changed, Objects

__all__ = ["Lease"]

LIFE_S = 20.0  # without a renewal
_BEATS = 5  # renewals in a life
_SURE = 0.6  # share of a life in which a holder need not ask whether it still is one
_PATIENCE_S = 600.0
_PAUSES_S = (0.1, 1.0)  # between two looks at a lease that somebody else has


class Lease:
    """One writer's turn. Of threads, each takes one of its own."""

    def __init__(self, objects: Objects, name: str) -> None:
        self._objects, self._name = objects, name
        self._token, self._beat = secrets.token_hex(8), 0
        self._life = LIFE_S
        self._e_tag = ""
        self._renewed = 0.0
        self._lost = False
        self.versioned = False  # whether the bucket keeps what is overwritten
        self._turn, self._ended = Lock(), Event()
        self._thread = Thread(target=self._keep, name="lease", daemon=True)

    def acquire(self, patience_s: float = _PATIENCE_S) -> bool:
        """Wait for it; returns whether it was taken from somebody who was not heard of any more.

        Raises GalleryError after waiting.
        """
        began, pause = _clock(), _PAUSES_S[0]
        seen, since = "", began
        while True:
            found = self._objects.find(self._name)
            said = None if found is None else _read(found[0])
            if found is not None and found[1] != seen:
                seen, since = found[1], _clock()
            stale = said is not None and bool(said["holder"]) and _clock() - since >= _life(said, self._life)
            if said is None or not said["holder"] or stale:
                with suppress(Changed):
                    self._write(NEW if found is None else found[1])
                    self._thread.start()
                    return stale
            elif _clock() - began > patience_s:
                raise GalleryError(
                    f"{said.get('host', 'another process')} has been writing to {self._objects.address} for "
                    f"{patience_s:.0f} s: try again later"
                )
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, _PAUSES_S[1])

    def check(self) -> None:
        """Raises GalleryError when it was lost, or may have been."""
        if self._lost or _clock() - self._renewed > _SURE * self._life:
            raise self._gone()

    def release(self) -> None:
        """Give it back. Raises GalleryError when somebody else has it by now: whatever was written under it
        may not be there, and must not be reported as done."""
        self.abandon()
        with self._turn:
            if self._lost:
                raise self._gone()
            self._renew(holder="")

    def abandon(self) -> None:
        """Renew it no more; after its life somebody else gets it, and knows that something was wrong."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(self._life / _BEATS):
            with self._turn:
                try:
                    self._renew(self._token)
                except GalleryError:
                    if self._lost:
                        return
                except MeshgaitError:
                    continue  # the next one may get through

    def _renew(self, holder: str) -> None:
        try:
            self._write(self._e_tag, holder)
        except Changed:
            # Perhaps by an earlier renewal, whose answer was lost.
            found = self._objects.find(self._name)
            if found is None or _read(found[0])["holder"] != self._token:
                self._lost = True
                raise self._gone() from None
            try:
                self._write(found[1], holder)
            except Changed:
                self._lost = True
                raise self._gone() from None

    def _write(self, only: str, holder: str | None = None) -> None:
        asked = _clock()
        self._beat += 1
        told = {
            "holder": self._token if holder is None else holder,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "life_s": self._life,
            "beat": f"{self._token}-{self._beat}",  # so that no two of them have one e_tag
        }
        done = self._objects.put(self._name, json.dumps(told).encode(), only)
        self._e_tag, self._renewed = done.e_tag, asked
        self.versioned = self.versioned or done.versioned

    def _gone(self) -> GalleryError:
        return GalleryError(
            f"this process was held up for too long, and another one may write to {self._objects.address} "
            "now: look what is there, and try again"
        )


def _read(content: bytes) -> dict[str, Any]:
    """What is no lease at all counts as held by somebody unknown."""
    try:
        found = from_json(content)
        return found if isinstance(found["holder"], str) else {"holder": "?"}
    except (ValueError, KeyError, TypeError):
        return {"holder": "?"}


def _life(said: dict[str, Any], own: float) -> float:
    """The longer of the holder's and one's own."""
    theirs = said.get("life_s")
    return max(own, min(float(theirs), 3600.0)) if isinstance(theirs, int | float) else own


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system counts them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
