from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

from meshgait_cli.errors import GalleryError
from meshgait_cli.live.searches import Searches


class Away:
    """A log that cannot be reached until `back` is set."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.noted: list[tuple[list[str], dict[str, Any]]] = []
        self.tried = 0

    def note(self, action: str, people: Sequence[str] = (), **facts: Any) -> None:
        assert action == "search"
        self.tried += 1
        if not self.back.is_set():
            raise GalleryError("the bucket cannot be reached")
        self.noted.append((list(people), facts))


def until(done: Any) -> None:
    end = monotonic() + 10
    while not done():
        assert monotonic() < end
        sleep(0.01)


def test_what_cannot_be_logged_now_is_logged_later_in_order_and_once() -> None:
    away = Away()
    searches = Searches(away, retry_s=0.01)
    searches.add(["anna"])
    searches.add([])
    until(lambda: away.tried > 3)
    assert searches.trouble() == "the bucket cannot be reached"
    assert searches.trouble() is None  # told once
    away.back.set()
    until(lambda: len(away.noted) == 2)
    searches.add(["ben"])
    assert searches.end(10) is None
    assert [people for people, _ in away.noted] == [["anna"], [], ["ben"]]
    assert "asked" in away.noted[0][1]  # since the line's own time is another
    assert "asked" not in away.noted[2][1]


def test_at_the_end_it_says_what_could_not_be_logged() -> None:
    searches = Searches(Away(), retry_s=100)
    searches.add(["anna"])
    searches.add(["ben"])
    began = monotonic()
    assert (
        searches.end(10) == "2 searches could not be put on the gallery's log: the bucket cannot be reached"
    )
    assert monotonic() - began < 5


def test_it_does_not_wait_for_a_log_that_never_answers() -> None:
    class Silent(Away):
        def note(self, action: str, people: Sequence[str] = (), **facts: Any) -> None:
            self.back.wait()

    silent = Silent()
    searches = Searches(silent)
    searches.add(["anna"])
    assert searches.end(0.1) == "1 search could not be put on the gallery's log: no answer yet"
    silent.back.set()


def test_where_there_is_no_log_there_is_nothing_to_say() -> None:
    searches = Searches(None)
    searches.add(["anna"])
    assert searches.trouble() is None
    assert searches.end(10) is None
