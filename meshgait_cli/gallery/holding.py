"""What a gallery holds, and the one right way to it: one writer at a time, readers who ask again, erasures
that leave nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from ..errors import GalleryError
from ..words import from_json
from .audit import Audit
from .keepsakes import Keepsakes
from .place import Place
from .private import as_json, in_memory, memory_of, swept
from .seal import Seal
from .sealed import table_of
from .sequence import GallerySequence
from .settings import Settings
from .table import Table, Where, broke, check, damaged, panicked

__all__ = ["Holding"]

_ERASING = "erasing"  # this file stands while an erasure is under way
_BATCH = 10_000  # rows of one transaction
_RETRIES = 5
T = TypeVar("T")


class Holding:
    """Rows, silhouettes and log of one gallery. What `put`, `rename` and `take_out` do is done while one is
    the only one who writes (`writing`, `changing`)."""

    def __init__(self, place: Place, settings: Settings, seal: Seal | None) -> None:
        self.place, self.settings, self.seal = place, settings, seal
        self.audit = Audit(place, seal)
        self.keepsakes = Keepsakes(place.below("silhouettes"), seal)

    @property
    def work(self) -> Path:
        """Where videos are extracted for a while: of an encrypted gallery in memory, if that can be."""
        return (None if self.seal is None else in_memory(self.place.whose)) or self.place.work

    def sweep(self) -> None:
        """Delete what the killed have left in any place that was theirs: there may be room in memory now and
        not then, or the other way round."""
        for work in (self.place.work, memory_of(self.place.whose)):
            swept(work)

    # Writing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes; what a killed process was erasing is erased first."""
        try:
            with self.place.writing(self._fence):
                self._refresh()
                self.audit.ready()
                if self.place.has(_ERASING):  # a process died in the middle of it
                    self._erase()
                yield
        except GalleryError:
            if self.place.remote:
                self.settings.leave_table()
            raise
        except Exception as error:
            if not (isinstance(error, RuntimeError) or panicked(error)):  # the database's
                raise
            raise self.place.explained(error) or damaged(self.place, error) from error

    @contextmanager
    def changing(self) -> Iterator[None]:
        """The same, to take something away. Raises GalleryError where the place keeps it all the same."""
        with self.writing():
            yield
        if kept := self.place.keeps_old():
            raise GalleryError(f"{kept}: it is done here, but delete the bucket's old versions, too")

    def put(self, sequences: Sequence[GallerySequence]) -> list[str]:
        """Enrol those that are not there yet; returns their ids, in order."""
        if kept := self.place.keeps_old():
            raise GalleryError(f"{kept}: nothing is enrolled until versioning is switched off")
        check(sequences)
        ids: list[str] = []
        for start in range(0, len(sequences), _BATCH):
            ids += self._put(sequences[start : start + _BATCH])
        return ids

    def _put(self, sequences: Sequence[GallerySequence]) -> list[str]:
        empty, ids = self.settings.model is None, list[str]()
        try:
            self._accept(sequences)
            fresh = self._fresh(sequences)
            if not fresh:
                return []
            ids += [one.id or token_hex(8) for one in fresh]
            for one, new in zip(fresh, ids, strict=True):
                if one.silhouettes is not None:
                    self.keepsakes.keep(new, one.silhouettes)
            self.rows.add(fresh, ids)
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is told
                self._undo(ids, empty)
            raise
        self.audit.note("enrol", sorted({one.identity for one in fresh}), sequences=len(fresh))
        return ids

    def _undo(self, ids: Sequence[str], empty: bool) -> None:
        """After a failure: no silhouettes of nobody stay, and no model of what was an empty gallery."""
        self.place.check()
        held = set(self.rows.columns(["id"], {"id": ids})["id"]) if ids else set()
        self.keepsakes.drop(set(ids) - held)
        if empty and not self.rows.count():
            self.forget_model()

    def _accept(self, sequences: Sequence[GallerySequence]) -> None:
        """Check that all are of the gallery's model, or make it theirs."""
        first = sequences[0].embedding
        if self.settings.model is None:
            parts, dim = first.values.shape
            model = {"id": first.model_id, "trained": first.trained, "parts": parts, "dim": dim}
            self._table(model).create()
            self._take_model(model)
        for one in sequences:
            self.require(one.embedding.model_id, one.embedding.values.shape)

    def require(self, model_id: str | None = None, shape: tuple[int, ...] | None = None) -> None:
        """Raises GalleryError when the gallery's embeddings were made by another model, or are of another
        shape."""
        if (held := self.settings.model) is None:
            return
        if model_id not in (None, held["id"]):
            raise GalleryError(
                f"the gallery {self.place} holds embeddings of {held['id']}, but {model_id} is in use: "
                "choose that model with --model, or enrol its people into a new gallery"
            )
        if shape not in (None, (held["parts"], held["dim"])):
            raise GalleryError(f"an embedding is {shape}, the gallery's are {(held['parts'], held['dim'])}")

    def _fresh(self, sequences: Sequence[GallerySequence]) -> list[GallerySequence]:
        sources = sorted({one.source for one in sequences if one.source})
        known: set[tuple[str, str, str]] = set()
        if sources and self.rows.count():
            names = ("source", "identity", "name")
            found = self.rows.columns(names, {"source": sources})
            known = set(zip(*(found[name] for name in names), strict=True))
        fresh = []
        for one in sequences:
            if (key := (one.source, one.identity, one.name)) not in known:
                fresh.append(one)
                if one.source:
                    known.add(key)
        return fresh

    def rename(self, where: Where, identity: str, *, action: str, given_up: Sequence[str]) -> int:
        """Give these rows another name; those given up are erased. Returns how many rows they were."""
        self._begin(action, [identity, *given_up], self.rows.columns(["id"], where)["id"])
        moved = self.rows.rename(where, identity)
        self._erase()
        return moved

    def take_out(self, where: Where) -> None:
        """Erase these rows."""
        held = self.rows.columns(["id", "identity"], where)
        self._begin("remove", sorted(set(held["identity"])), held["id"])
        self.rows.delete(where)
        self._erase()

    def forget_model(self) -> None:
        """When nobody is left: whoever is enrolled next decides anew."""
        self._take_model(None)

    def _take_model(self, model: dict[str, Any] | None) -> None:
        self.settings.take_model(model)
        self.__dict__.pop("rows", None)

    def _begin(self, action: str, people: Sequence[str], ids: Sequence[str]) -> None:
        """From here on until it is done and stands in the log, an erasure is under way. ids: of its rows."""
        entry = self.audit.entry(action, people, sequences=len(ids))
        self.place.write(_ERASING, as_json({"entry": entry, "ids": ids}))

    def _erase(self) -> None:
        """Free the place of everything that the newest version does not hold."""
        self.rows.scrub()
        self.keepsakes.prune(set(self.rows.columns(["id"])["id"]))
        self.sweep()
        self.settings.clear_aside()
        self._note_erasure()
        self.place.delete([_ERASING])

    def _note_erasure(self) -> None:
        """In the log; nothing where a process died before the rows were deleted or got their new name, or
        where the file that says so is damaged: then nobody knows what was to be erased, but that it was."""
        try:
            begun = from_json(self.place.read(_ERASING))
            entry, ids = begun["entry"], begun["ids"]
            people, count = entry["people"], entry["sequences"]
            if not (isinstance(ids, list) and isinstance(people, list) and people and isinstance(count, int)):
                raise TypeError("of another kind")
            "".join([entry["action"], *people, *ids]).encode()  # all of it words
        except (ValueError, KeyError, TypeError):  # or of a version that kept nothing in it
            return
        held = self.rows.columns(["identity"], {"id": ids})["identity"] if ids else []
        now = {self.audit.pseudonym(name) for name in held}
        expected = set() if entry["action"] == "remove" else {people[0]}
        if now <= expected:
            self.audit.write({"action": entry["action"], "people": people, "sequences": count})

    def _fence(self) -> None:
        self._refresh()
        self.settings.move_table()
        self._refresh(reopen=True)

    # Reading

    @cached_property
    def rows(self) -> Table:
        """Of a gallery that somebody was enrolled into."""
        assert self.settings.model is not None
        return self._table(self.settings.model)

    def read(self, ask: Callable[[Table], T], nothing: T) -> T:
        """ask(rows); `nothing` where nobody was ever enrolled. Asked again when an erasure in another process
        deleted the files that were being read."""
        if self.settings.model is None:
            self._refresh()
        if self.settings.model is None:
            return nothing
        failed: Exception | None = None
        for _ in range(_RETRIES):
            try:
                return ask(self.rows)
            except GalleryError as error:
                if not (self.place.remote and self._refresh()):
                    raise
                failed = error
            except Exception as error:
                if not broke(error):
                    raise
                if (told := self.place.explained(error)) is not None:
                    raise told from error
                failed = error
                self._refresh(reopen=True)
        raise damaged(self.place, failed) from failed

    def _table(self, model: dict[str, Any]) -> Table:
        return table_of(self.place.below(self.settings.vectors), model, self.seal)

    def _refresh(self, reopen: bool = False) -> bool:
        """Another process may have enrolled the first person, or moved the table: whether it has."""
        if (changed := self.settings.refreshed()) or reopen:
            self.__dict__.pop("rows", None)
        return changed
