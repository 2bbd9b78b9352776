"""Questions that are answered in the background, one after the other, and what became of them.

A video lies in a private folder inside the gallery while its question is answered, and not longer. The answer
(pictures, embeddings, silhouettes) stays in memory until it is put away, or the application ends.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import GalleryError, MeshgaitError
from ..gallery.private import workplace
from ..gallery.sequence import exchanged
from ..gallery.store import Store
from ..report.answers import named_again
from ..report.session import page_of
from ..words import plain

if TYPE_CHECKING:
    from ..gallery.decide import Answer
    from ..gallery.identify import Identification
    from ..gallery.walkers import Walker
    from ..pipeline import Progress, Step
    from ..report.page import Page

    Ask = Callable[[Path, Path, Progress], Identification]
    Draw = Callable[[Page, Progress], None]

__all__ = ["Search", "Searches", "Verdict"]

MOST = 20  # answers that are kept
_STAGES = {
    "frames": "looking at the frames",
    "link": "following people through gaps",
    "people": "judging and embedding",
    "body": "drawing bodies",
}


class _Cancelled(BaseException):
    """Not an Exception: nothing on the way up may take it for a fault and carry on."""


@dataclass(slots=True)
class Verdict:
    """What the user said about one walker. identity: enrolled as. rejected: ranks of candidates."""

    identity: str | None = None
    rejected: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Search:
    """One question. name: the browser's name for the file. state: waiting, running, done, failed, cancelled.
    page, walkers, answers: once it is done; error: in words, once it failed."""

    name: str
    folder: Path
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    digest: str = ""
    state: str = "waiting"
    step: Step | None = None
    page: Page | None = None
    walkers: tuple[Walker, ...] = ()
    answers: tuple[Answer, ...] = ()
    error: str = ""
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    cancelled: Event = field(default_factory=Event)
    first: Step | None = None
    began: float = 0.0
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def video(self) -> Path:
        """Where it lies: the browser's name for it is never a path."""
        return self.folder / self.id

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    def verdict(self, number: int) -> Verdict:
        return self.verdicts.setdefault(number, Verdict())

    def names(self, identity: str) -> bool:
        """Whether this person is a candidate of the answer, or was enrolled from it."""
        enrolled = {verdict.identity for verdict in list(self.verdicts.values())}
        return identity in _shown(self.answers) | enrolled

    def progress(self) -> dict[str, object]:
        """For the page: state, a sentence, and done of total where that is known."""
        step = self.step
        said = {
            "waiting": "waiting for another search",
            "running": "loading the models",
            "done": "done",
            "failed": self.error,
            "cancelled": "stopped",
        }[self.state]
        if self.state != "running" or step is None:
            return {"state": self.state, "said": said, "done": 0, "total": None}
        said = _STAGES.get(step.stage, step.stage)
        if step.total:
            said += f": {step.done} of {step.total}"
        if step.stage == "frames":
            said += f", {step.people} in view"
            if step.total and self.first is not None and step.done > self.first.done:
                spent = (monotonic() - self.began) / (step.done - self.first.done)
                said += f", about {spent * (step.total - step.done):.0f} s left"
        return {"state": self.state, "said": said, "done": step.done, "total": step.total}


class Searches:
    """All questions of one run. ask(video, out, progress) answers one, extracting into the folder `out`;
    draw(page, progress) puts bodies on the answer's page."""

    def __init__(
        self, gallery: Path, ask: Ask, passphrase: str | None = None, draw: Draw | None = None
    ) -> None:
        self.gallery, self.ask, self.passphrase, self.draw = gallery, ask, passphrase, draw
        self.all: dict[str, Search] = {}
        self._waiting: SimpleQueue[Search | None] = SimpleQueue()
        self._worker: Thread | None = None
        self._store().holding.sweep()

    def _store(self) -> Store:
        """The gallery as it is now: others may write too."""
        return Store(self.gallery, self.passphrase)

    def new(self, name: str) -> Search:
        """A question whose video is yet to be written to `search.video`."""
        stack = ExitStack()
        folder = stack.enter_context(workplace(self._store().work))
        return Search(name, folder, stack=stack)

    def start(self, search: Search) -> None:
        self.all[search.id] = search
        old = [key for key, each in self.all.items() if each.over]
        for key in old[: max(0, len(self.all) - MOST)]:
            del self.all[key]
        if self._worker is None:
            self._worker = Thread(target=self._work, name="searches", daemon=True)
            self._worker.start()
        self._waiting.put(search)

    def cancel(self, search: Search) -> None:
        """Stop it; the video is gone at once when it waits, after the step under way when it runs."""
        search.cancelled.set()
        if search.state == "waiting":
            search.state = "cancelled"
            search.stack.close()

    def put_away(self, search: Search) -> None:
        self.cancel(search)
        self.all.pop(search.id, None)

    def forget(self, identity: str) -> None:
        """Put away every answer that shows this person, who was erased, or from which they were enrolled."""
        for search in list(self.all.values()):
            if search.names(identity):
                self.put_away(search)

    def rename(self, identity: str, new: str) -> None:
        """Answers that name this person show the new name, and not the former one."""
        for search in list(self.all.values()):
            if search.page is None or not search.names(identity):
                continue
            answers = tuple(_named_again(answer, identity, new) for answer in search.answers)
            views = [named_again(view, answers[view.number - 1]) for view in search.page.answers]
            search.answers, search.page.answers = answers, views
            for verdict in search.verdicts.values():
                if verdict.identity == identity:
                    verdict.identity = new

    def close(self, patience_s: float = 10.0) -> None:
        """Stop everything and delete what was uploaded."""
        running = [search for search in self.all.values() if not search.over]
        for search in running:
            self.cancel(search)
        self._waiting.put(None)
        if self._worker is not None:
            self._worker.join(patience_s)
        for search in running:
            shutil.rmtree(search.folder, ignore_errors=True)

    def _work(self) -> None:
        while (search := self._waiting.get()) is not None:
            if not search.cancelled.is_set():
                self._run(search)

    def _run(self, search: Search) -> None:
        def progress(step: Step) -> None:
            if search.cancelled.is_set():
                raise _Cancelled
            search.step = step
            if search.first is None:  # the models are loaded: from here the time that is left can be told
                search.first, search.began = step, monotonic()

        search.state = "running"
        try:
            with search.stack:
                found = self.ask(search.video, search.folder / "results", progress)
                page = page_of(found)
                if self.draw is not None:
                    self.draw(page, progress)
            self._done(search, found, page)
        except _Cancelled:
            search.state = "cancelled"
        except Exception as error:  # whatever it was, the page has to say that it ended
            search.error = _in_words(error, search)
            search.state = "cancelled" if search.cancelled.is_set() else "failed"

    def _done(self, search: Search, found: Identification, page: Page) -> None:
        gone = _shown(found.answers) - set(self._store().people())
        if gone:
            raise GalleryError("the gallery was changed in the meantime: search again")
        page.title = search.name
        search.page, search.answers = page, found.answers
        search.walkers = tuple(replace(each, result=None, video=search.name) for each in found.walkers)
        search.state = "done"


def _shown(answers: tuple[Answer, ...]) -> set[str]:
    return {match.identity for answer in answers for match in answer.matches}


def _named_again(answer: Answer, identity: str, new: str) -> Answer:
    return replace(
        answer,
        identity=new if answer.identity == identity else answer.identity,
        reasons=tuple(exchanged(reason, identity, new) for reason in answer.reasons),
        matches=tuple(
            replace(match, identity=new) if match.identity == identity else match for match in answer.matches
        ),
    )


def _in_words(error: Exception, search: Search) -> str:
    """One line; the private folder is nobody's concern."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: free some space and search again"
    if not isinstance(error, MeshgaitError | OSError):
        if os.environ.get("MESHGAIT_DEBUG"):
            traceback.print_exception(error, file=sys.stderr)
        said = (str(error).splitlines() or [""])[0][:200]
        return plain(f"internal error, please report it: {type(error).__name__}: {said}")
    said = str(error).replace(str(search.video), search.name).replace(search.id, search.name)
    return plain(" ".join(said.replace(str(search.folder), "the folder").split()))
