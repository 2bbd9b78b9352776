"""A gallery that grows: known people's sequences in an embedded database, in one place (`place`).

    GALLERY/gallery.json        schema, model, shape of the embeddings
    GALLERY/vectors/            LanceDB: one row a sequence, half-precision vector, B-tree on the identity
    GALLERY/silhouettes/ID.npz  what the embedding was made of, unless that was not wanted
    GALLERY/calibration.json    what turns distances into probabilities, once there is one
    GALLERY/audit.jsonl         who was enrolled, searched, removed, when

Every write is one transaction: what `add` has returned is there after a crash, what it has not is there
whole or not at all. Several processes may write, one after the other behind a lock, and read at any time.
In a folder the lock is a file: a shared file system must be one that locks. In an object store it is a lease.
With a passphrase, rows, silhouettes and log are sealed (`seal`); gallery.json and calibration.json are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError, SourceNotFound, UsageError
from ..records import SilhouetteSequence
from .audit import Audit
from .keepsakes import Keepsakes
from .place import Anywhere, Folder, place_at
from .private import as_json, in_memory, swept
from .seal import Seal, said
from .sealed import table_of
from .sequence import GallerySequence, checked_name, meant
from .settings import SCHEMA, SETTINGS, Settings, is_store
from .table import COLUMNS, Table, Where, damaged

__all__ = ["Store", "is_store"]

_ERASING = "erasing"  # this file stands while an erasure is under way
_BATCH = 10_000  # rows of one transaction
_RETRIES = 5
T = TypeVar("T")


class Store:
    """A gallery in a folder, or in an object store (s3://bucket/name).

    passphrase: of an encrypted gallery; None takes it from the environment. Raises SourceNotFound where there
    is none, UsageError when a passphrase is wanted and none is given, GalleryError when it is wrong, or the
    gallery damaged or of another version.
    """

    def __init__(self, where: Anywhere, passphrase: str | None = None) -> None:
        self.place = place = place_at(where)
        if not is_store(place):
            raise SourceNotFound(f"{place} is no gallery: `meshgait gallery create {place}` makes one")
        self._settings = Settings(place)
        header, address = self._settings.seal, place.address
        self._seal = None if header is None else Seal.unlocked(header, said(passphrase, address), address)
        self.audit = Audit(place, self._seal)
        self._keepsakes = Keepsakes(place.below("silhouettes"), self._seal)

    def __repr__(self) -> str:
        return f"Store({self.place.address!r})"

    @property
    def folder(self) -> Path:
        """Of a gallery on a disk. Raises UsageError for one in an object store."""
        if not isinstance(self.place, Folder):
            raise UsageError(f"{self.place} is no folder")
        return self.place.path

    @classmethod
    def create(cls, where: Anywhere, passphrase: str | None = None) -> Store:
        """Make an empty gallery, for its owner only. The first sequence decides of which model it is.

        passphrase: encrypts all that it will hold; without it nobody reads that again. Raises GalleryError
        when the place holds anything already, UsageError for a short passphrase.
        """
        place = place_at(where)
        if is_store(place):
            raise GalleryError(f"{place} is a gallery already")
        created = datetime.now(UTC).isoformat(timespec="seconds")
        settings: dict[str, Any] = {"schema": SCHEMA["plain"], "created": created, "model": None}
        if passphrase is not None:
            settings |= {"schema": SCHEMA["sealed"], "seal": Seal.new(passphrase)[1]}
        place.found(SETTINGS, as_json(settings))
        store = cls(place, passphrase)
        store.audit.note("create")
        return store

    @property
    def model_id(self) -> str | None:
        """Of the network whose embeddings it holds; None while it is empty and new."""
        return self._settings.model["id"] if self._settings.model else None

    @property
    def trained(self) -> bool:
        """False when its embeddings were made by a network with untrained weights."""
        return bool(self._settings.model["trained"]) if self._settings.model else True

    @property
    def encrypted(self) -> bool:
        return self._seal is not None

    @property
    def shape(self) -> tuple[int, int] | None:
        """parts, dim of its embeddings."""
        model = self._settings.model
        return (model["parts"], model["dim"]) if model else None

    # Writing

    def add(self, sequences: Sequence[GallerySequence]) -> list[str]:
        """Enrol; returns the new ids, in order. What was enrolled from the same source under the same
        identity and name before is left out, so that a broken-off enrolment can simply be repeated.

        Raises GalleryError when an embedding was made by another model than the gallery's, UsageError for a
        name that is none.
        """
        names = {name: checked_name(name) for name in {one.identity for one in sequences}}
        sequences = [
            one if names[one.identity] == one.identity else replace(one, identity=names[one.identity])
            for one in sequences
        ]
        ids: list[str] = []
        with self._writing():
            if kept := self.place.keeps_old():
                raise GalleryError(f"{kept}: nothing is enrolled until versioning is switched off")
            for start in range(0, len(sequences), _BATCH):
                ids += self._add(sequences[start : start + _BATCH])
        return ids

    def _add(self, sequences: Sequence[GallerySequence]) -> list[str]:
        self._accept(sequences)
        fresh = self._fresh(sequences)
        if not fresh:
            return []
        ids = [one.id or token_hex(8) for one in fresh]
        for one, new in zip(fresh, ids, strict=True):
            if one.silhouettes is not None:
                self._keepsakes.keep(new, one.silhouettes)
        self._rows.add(fresh, ids)
        self.audit.note("enrol", sorted({one.identity for one in fresh}), sequences=len(fresh))
        return ids

    def _accept(self, sequences: Sequence[GallerySequence]) -> None:
        """Check that all are of the gallery's model, or make it theirs."""
        first = sequences[0].embedding
        if self._settings.model is None:
            parts, dim = first.values.shape
            model = {"id": first.model_id, "trained": first.trained, "parts": parts, "dim": dim}
            self._table(model).create()
            self._settings.take_model(model)
            self.__dict__.pop("_rows", None)
        for one in sequences:
            self.require_model(one.embedding.model_id)
            self.require_shape(one.embedding.values.shape)

    def require_model(self, model_id: str) -> None:
        """Raises GalleryError when the gallery's embeddings were made by another model."""
        if self.model_id not in (None, model_id):
            raise GalleryError(
                f"the gallery {self.place} holds embeddings of {self.model_id}, but {model_id} is in use: "
                "choose that model with --model, or enrol its people into a new gallery"
            )

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Raises GalleryError when the gallery's embeddings are of another shape."""
        if self.shape not in (None, shape):
            raise GalleryError(f"an embedding is {shape}, the gallery's are {self.shape}")

    def _fresh(self, sequences: Sequence[GallerySequence]) -> list[GallerySequence]:
        sources = sorted({one.source for one in sequences if one.source})
        known: set[tuple[str, str, str]] = set()
        if sources and self._rows.count():
            names = ("source", "identity", "name")
            found = self._rows.columns(names, {"source": sources})
            known = set(zip(*(found[name] for name in names), strict=True))
        return [one for one in sequences if (one.source, one.identity, one.name) not in known]

    def remove(self, identity: str, sequence_id: str | None = None) -> int:
        """Erase a person, or one sequence of theirs; returns how many sequences that were.

        Their rows, silhouettes and index entries, and all older versions of these, are gone from the folder
        when it returns. After a crash in the middle the next write finishes it. Raises GalleryError when
        there is no such person or sequence.
        """
        where = {"identity": [identity]}
        if sequence_id is not None:
            where["id"] = [sequence_id]
        with self.changing():
            ids = self._known(where, identity, sequence_id)
            self.place.write(_ERASING, b"{}\n")
            self._rows.delete(where)
            self._erase()
            self.audit.note("remove", [identity], sequences=len(ids))
        return len(ids)

    def rename(self, identity: str, new: str) -> int:
        """Give a person another name; the old one is erased. Raises GalleryError when there is no such
        person, or somebody has the new name."""
        new = checked_name(new)
        with self.changing():
            if new == identity:
                raise UsageError(f"{new!r} is the name already")
            if self._rows_or_none() and self._rows.count({"identity": [new]}):
                raise GalleryError(f"{new!r} is in the gallery already: `gallery merge` makes two people one")
            return self._move("rename", [identity], new)

    def merge(self, into: str, others: Sequence[str]) -> int:
        """Make several people one: those of `others` become `into`, who must be known. Returns how many
        sequences moved. Raises GalleryError when somebody is not known."""
        with self.changing():
            self._known({"identity": [into]}, into)
            return self._move("merge", [name for name in others if name != into], into)

    def _move(self, action: str, names: Sequence[str], new: str) -> int:
        for name in names:
            self._known({"identity": [name]}, name)
        if not names:
            raise UsageError("name at least one other person")
        self.place.write(_ERASING, b"{}\n")
        moved = self._rows.rename({"identity": list(names)}, new)
        self._erase()
        self.audit.note(action, [new, *names], sequences=moved)
        return moved

    def _known(self, where: Where, identity: str, sequence_id: str | None = None) -> list[str]:
        ids = self._rows.columns(["id"], where)["id"] if self._rows_or_none() else []
        if not ids:
            raise self._nobody(identity, sequence_id)
        return ids

    def _nobody(self, identity: str, sequence_id: str | None = None) -> GalleryError:
        people = self.people()
        if identity in people:
            return GalleryError(f"{identity!r} has no sequence {sequence_id}")
        return GalleryError(f"there is no {identity!r} in the gallery {self.place}{meant(identity, people)}")

    def _erase(self) -> None:
        """Free the place of everything that the newest version does not hold."""
        self._rows.scrub()
        self._keepsakes.prune(set(self._rows.columns(["id"])["id"]))
        swept(self.work)
        self._settings.clear_aside()
        self.place.delete([_ERASING])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self.place.writing(self._fence):
                self._refresh()
                self.audit.ready()
                if self.place.has(_ERASING):  # a process died in the middle of it
                    self._erase()
                yield
        except GalleryError:
            if self.place.remote:
                self._settings.leave_table()
            raise
        except RuntimeError as error:  # the database's
            raise self.place.explained(error) or damaged(self.place, error) from error

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one who writes. Raises GalleryError where the place keeps what is taken away."""
        with self._writing():
            yield
        if kept := self.place.keeps_old():
            raise GalleryError(f"{kept}: it is done here, but delete the bucket's old versions, too")

    def _fence(self) -> None:
        self._refresh()
        self._settings.move_table()
        self._refresh(reopen=True)

    # Reading

    def __len__(self) -> int:
        return self._read(Table.count) if self._rows_or_none() else 0

    def people(self) -> dict[str, int]:
        """Everybody by name, and how many sequences there are of each."""
        known = self._rows_or_none() is not None
        names = self._read(lambda rows: rows.columns(["identity"])["identity"]) if known else []
        return dict(sorted(Counter(names).items()))

    def describe(self, identity: str | None = None) -> list[dict[str, Any]]:
        """All that is known of each sequence but its vector, by identity and time of enrolment.

        Raises GalleryError when `identity` is not in the gallery.
        """
        where = None if identity is None else {"identity": [identity]}
        found = self._read(lambda rows: rows.columns(COLUMNS, where)) if self._rows_or_none() else {"id": []}
        if identity is not None and not found["id"]:
            raise self._nobody(identity)
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        kept = self._keepsakes.held(found["id"])
        for row in rows:
            row["silhouettes"] = row["id"] in kept
        return sorted(rows, key=lambda row: (row["identity"], row["enrolled"], row["name"]))

    def sequences(self, identities: Iterable[str] | None = None) -> list[GallerySequence]:
        """Of these people, or of everybody: 4 kB a sequence of 16×256 halves on the disk, twice that here."""
        where = None if identities is None else {"identity": sorted(identities)}
        return self._read(lambda rows: rows.sequences(where)) if self._rows_or_none() else []

    def holds(self, source: str) -> set[str]:
        """The identities under which the source with this sha256 was enrolled."""
        if not self._rows_or_none():
            return set()
        return set(self._read(lambda rows: rows.columns(["identity"], {"source": [source]}))["identity"])

    def silhouettes(self, sequence_id: str) -> SilhouetteSequence | None:
        """What a sequence's embedding was made of; None when it was not kept."""
        return self._keepsakes.read(sequence_id)

    def nearest(
        self, queries: NDArray[np.float32], count: int, exact: bool = False
    ) -> list[list[tuple[float, str, str]]]:
        """For each of Q×parts×dim queries the `count` nearest sequences: distance, id, identity, nearest
        first.

        Every vector is compared, unless `tune` has built an index: then the distances are exact, but one in
        a hundred of the nearest may be missed (docs/gallery.md has the figures). exact: compare every vector
        all the same.
        """
        from .nearest import found

        if not self._rows_or_none():
            return [[] for _ in queries]
        return self._read(lambda rows: found(rows, queries, count, exact))

    def tune(self, announce: Callable[[int], None] | None = None) -> bool:
        """Build the search index of a gallery of 50,000 sequences or more where it has none, or none for
        many of them; returns whether anything was to do.

        It takes some minutes for each 100,000; others who want to write wait for so long. An erasure
        takes the index away. announce(sequences) is called before there is something to do.
        """
        if not (rows := self._rows_or_none()) or not self._read(Table.wants_index):
            return False
        if announce:
            announce(self._read(Table.count))
        with self._writing():
            return rows.index_vectors()

    def stats(self) -> dict[str, Any]:
        """Numbers about the gallery; bytes are those that it takes where it lies."""
        from .figures import figures

        return figures(self, self._settings.created)

    def vectors_indexed(self) -> bool:
        """Whether an index proposes what is compared."""
        return bool(self._rows_or_none()) and self._read(Table.vectors_indexed)

    @property
    def work(self) -> Path:
        """Where videos are extracted while they are enrolled: of an encrypted gallery in memory, if that can
        be."""
        return (in_memory(self.place.whose) if self.encrypted else None) or self.place.work

    @cached_property
    def _rows(self) -> Table:
        assert self._settings.model is not None
        return self._table(self._settings.model)

    def _table(self, model: dict[str, Any]) -> Table:
        return table_of(self.place.below(self._settings.vectors), model, self._seal)

    def _refresh(self, reopen: bool = False) -> bool:
        """Another process may have enrolled the first person, or moved the table: whether it has."""
        if (changed := self._settings.refreshed()) or reopen:
            self.__dict__.pop("_rows", None)
        return changed

    def _rows_or_none(self) -> Table | None:
        if self._settings.model is None:
            self._refresh()
        return self._rows if self._settings.model else None

    def _read(self, ask: Callable[[Table], T]) -> T:
        """Ask again when an erasure in another process deleted the files that were being read."""
        failed: Exception | None = None
        for _ in range(_RETRIES):
            try:
                return ask(self._rows)
            except GalleryError as error:
                if not (self.place.remote and self._refresh()):
                    raise
                failed = error
            except (RuntimeError, OSError, ValueError) as error:
                if (told := self.place.explained(error)) is not None:
                    raise told from error
                failed = error
                self._refresh(reopen=True)
        raise damaged(self.place, failed) from failed
