"""A gallery that grows: known people's sequences in an embedded database, in one place (`place`).

    GALLERY/gallery.json        schema, model, shape of the embeddings
    GALLERY/vectors/            LanceDB: one row a sequence, half-precision vector, B-tree on the identity
    GALLERY/silhouettes/ID.npz  what the embedding was made of, unless that was not wanted
    GALLERY/calibration.json    what turns distances into probabilities, once there is one
    GALLERY/audit.jsonl         who was enrolled, searched, removed, when
    GALLERY/files.json          of one that follows a folder of videos: the files it was made of (`mirror`)

Every write is one transaction: what `add` has returned is there after a crash, what it has not is there
whole or not at all. Several processes may write, one after the other behind a lock, and read at any time.
In a folder the lock is a file: a shared file system must be one that locks. In an object store it is a lease.
With a passphrase, rows, silhouettes and log are sealed (`seal`); gallery.json and calibration.json are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError, SourceNotFound, UsageError
from ..records import SilhouetteSequence
from ..words import plain
from .holding import Holding
from .place import Anywhere, Folder, place_at
from .private import as_json
from .seal import Seal, said
from .sequence import GallerySequence, checked_name, meant
from .settings import FILES, SCHEMA, SETTINGS, Settings, gallery_at, is_store
from .table import COLUMNS, Table, Where

__all__ = ["Store", "is_store"]


class Store:
    """A gallery in a folder, or in an object store (s3://bucket/name); of a folder of videos the gallery that
    it has become.

    passphrase: of an encrypted gallery; None takes it from the environment. Raises SourceNotFound where there
    is none, UsageError when a passphrase is wanted and none is given, GalleryError when it is wrong, or the
    gallery damaged or of another version.
    """

    def __init__(self, where: Anywhere, passphrase: str | None = None) -> None:
        self.place = place = gallery_at(where)
        if not is_store(place):
            raise SourceNotFound(
                f"{place} is no gallery: `meshgait gallery create {place}` makes one, and a folder of videos "
                "becomes one when `match` or `watch` first uses it"
            )
        settings, address = Settings(place), place.address
        header = settings.seal
        seal = None if header is None else Seal.unlocked(header, said(passphrase, address), address)
        self.holding = Holding(place, settings, seal)
        self.audit = self.holding.audit

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
        when the place holds anything already, UsageError for a short passphrase, or a name that
        cannot be printed.
        """
        place = place_at(where)
        if plain(place.name) != place.name:
            raise UsageError(f"{place.name!r} cannot be printed: choose another name for the gallery")
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
        model = self.holding.settings.model
        return model["id"] if model else None

    @property
    def trained(self) -> bool:
        """False when its embeddings were made by a network with untrained weights."""
        model = self.holding.settings.model
        return bool(model["trained"]) if model else True

    @property
    def encrypted(self) -> bool:
        return self.holding.seal is not None

    @property
    def shape(self) -> tuple[int, int] | None:
        """parts, dim of its embeddings."""
        model = self.holding.settings.model
        return (model["parts"], model["dim"]) if model else None

    # Writing

    def add(self, sequences: Sequence[GallerySequence]) -> list[str]:
        """Enrol; returns the new ids, in order. What was enrolled from the same source under the same
        identity and name before is left out, so that a broken-off enrolment can simply be repeated.

        Raises GalleryError when an embedding was made by another model than the gallery's, UsageError for a
        name that is none.
        """
        self.require_own()
        names = {name: checked_name(name) for name in {one.identity for one in sequences}}
        sequences = [
            one if names[one.identity] == one.identity else replace(one, identity=names[one.identity])
            for one in sequences
        ]
        with self.holding.writing():
            return self.holding.put(sequences)

    def require_model(self, model_id: str) -> None:
        """Raises GalleryError when the gallery's embeddings were made by another model."""
        self.holding.require(model_id=model_id)

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Raises GalleryError when the gallery's embeddings are of another shape."""
        self.holding.require(shape=shape)

    def require_own(self) -> None:
        """Raises GalleryError for a gallery that follows a folder of videos: what is changed in the folder,
        and there alone, is changed in it."""
        if not self.place.remote and self.place.has(FILES):
            raise GalleryError(
                f"{self.place} follows the folder that it lies in: put in, rename or take out files there"
            )

    def remove(self, identity: str, sequence_id: str | None = None) -> int:
        """Erase a person, or one sequence of theirs; returns how many sequences that were.

        Their rows, silhouettes and index entries, and all older versions of these, are gone from the folder
        when it returns. After a crash in the middle the next write finishes it. Raises GalleryError when
        there is no such person or sequence.
        """
        self.require_own()
        where = {"identity": [identity]}
        if sequence_id is not None:
            where["id"] = [sequence_id]
        with self.holding.changing():
            ids = self._known(where, identity, sequence_id)
            self.holding.take_out(where)
        return len(ids)

    def rename(self, identity: str, new: str) -> int:
        """Give a person another name; the old one is erased. Raises GalleryError when there is no such
        person, or somebody has the new name."""
        self.require_own()
        new = checked_name(new)
        with self.holding.changing():
            if new == identity:
                raise UsageError(f"{new!r} is the name already")
            if self.holding.read(lambda rows: rows.count({"identity": [new]}), 0):
                raise GalleryError(f"{new!r} is in the gallery already: `gallery merge` makes two people one")
            return self._move("rename", [identity], new)

    def merge(self, into: str, others: Sequence[str]) -> int:
        """Make several people one: those of `others` become `into`, who must be known. Returns how many
        sequences moved. Raises GalleryError when somebody is not known."""
        self.require_own()
        with self.holding.changing():
            self._known({"identity": [into]}, into)
            return self._move("merge", [name for name in others if name != into], into)

    def _move(self, action: str, names: Sequence[str], new: str) -> int:
        for name in names:
            self._known({"identity": [name]}, name)
        if not names:
            raise UsageError("name at least one other person")
        return self.holding.rename({"identity": list(names)}, new, action=action, given_up=names)

    def _known(self, where: Where, identity: str, sequence_id: str | None = None) -> list[str]:
        ids = self._columns(["id"], where)["id"]
        if not ids:
            raise self._nobody(identity, sequence_id)
        return ids

    def _nobody(self, identity: str, sequence_id: str | None = None) -> GalleryError:
        people = self.people()
        if identity in people:
            return GalleryError(f"{identity!r} has no sequence {sequence_id}")
        return GalleryError(f"there is no {identity!r} in the gallery {self.place}{meant(identity, people)}")

    # Reading

    def __len__(self) -> int:
        return self.holding.read(Table.count, 0)

    def _columns(self, names: Sequence[str], where: Where | None = None) -> dict[str, list[Any]]:
        return self.holding.read(lambda rows: rows.columns(names, where), {name: [] for name in names})

    def people(self) -> dict[str, int]:
        """Everybody by name, and how many sequences there are of each."""
        return dict(sorted(Counter(self._columns(["identity"])["identity"]).items()))

    def describe(self, identity: str | None = None) -> list[dict[str, Any]]:
        """All that is known of each sequence but its vector, by identity and time of enrolment.

        Raises GalleryError when `identity` is not in the gallery.
        """
        found = self._columns(COLUMNS, None if identity is None else {"identity": [identity]})
        if identity is not None and not found["id"]:
            raise self._nobody(identity)
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        kept = self.holding.keepsakes.held(found["id"])
        for row in rows:
            row["silhouettes"] = row["id"] in kept
        return sorted(rows, key=lambda row: (row["identity"], row["enrolled"], row["name"]))

    def sequences(self, identities: Iterable[str] | None = None) -> list[GallerySequence]:
        """Of these people, or of everybody, by name: 8 kB a sequence of 16×256 halves on the disk, twice that
        here. Their order follows from what they are, not from their ids, which are drawn: what is fitted to
        the same walks twice is the same."""
        where = None if identities is None else {"identity": sorted(identities)}
        found: list[GallerySequence] = self.holding.read(lambda rows: rows.sequences(where), [])
        return sorted(found, key=lambda one: (one.identity, one.name, one.source, one.id))

    def holds(self, source: str) -> set[str]:
        """The identities under which the source with this sha256 was enrolled."""
        return set(self._columns(["identity"], {"source": [source]})["identity"])

    def silhouettes(self, sequence_id: str) -> SilhouetteSequence | None:
        """What a sequence's embedding was made of; None when it was not kept."""
        return self.holding.keepsakes.read(sequence_id)

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

        return self.holding.read(lambda rows: found(rows, queries, count, exact), [[] for _ in queries])

    def tune(self, announce: Callable[[int], None] | None = None) -> bool:
        """Build the search index of a gallery of 50,000 sequences or more where it has none, or none for
        many of them; returns whether anything was to do.

        It takes some minutes for each 100,000; others who want to write wait for so long. An erasure
        takes the index away. announce(sequences) is called before there is something to do.
        """
        if not self.holding.read(Table.wants_index, False):
            return False
        if announce:
            announce(len(self))
        with self.holding.writing():
            return self.holding.rows.index_vectors()

    def stats(self) -> dict[str, Any]:
        """Numbers about the gallery; bytes are those that it takes where it lies."""
        from .figures import figures

        return figures(self, self.holding.settings.created)

    def vectors_indexed(self) -> bool:
        """Whether an index proposes what is compared."""
        return self.holding.read(Table.vectors_indexed, False)

    @property
    def work(self) -> Path:
        """Where videos are extracted while they are enrolled: of an encrypted gallery in memory, if that can
        be."""
        return self.holding.work
