"""A gallery that grows: known people's sequences in an embedded database, in one private folder.

    GALLERY/gallery.json        schema, model, shape of the embeddings
    GALLERY/vectors/            LanceDB: one row a sequence, half-precision vector, B-tree on the identity
    GALLERY/silhouettes/ID.npz  what the embedding was made of, unless that was not wanted
    GALLERY/calibration.json    what turns distances into probabilities, once there is one
    GALLERY/audit.jsonl         who was enrolled, searched, removed, when

Every write is one transaction: what `add` has returned is there after a crash, what it has not is there
whole or not at all. Several processes may write, one after the other behind a lock, and read at any time.
The lock is a local file: on a shared file system it must be one that locks; object storage is not supported
yet.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError, SourceNotFound, UsageError
from ..records import SilhouetteSequence
from .audit import Audit
from .private import locked, make_folder, owner_only, swept, write_json
from .sequence import GallerySequence, checked_name
from .table import COLUMNS, Table

__all__ = ["SCHEMA", "Store", "is_store"]

SCHEMA = 1
SETTINGS = "gallery.json"
_ERASING = "erasing"  # this file stands while an erasure is under way
_BATCH = 10_000  # rows of one transaction
_RETRIES = 5
T = TypeVar("T")


def is_store(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


class Store:
    """A gallery on the disk.

    Raises SourceNotFound where there is none, GalleryError when it is damaged or of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not is_store(self.folder):
            raise SourceNotFound(
                f"{self.folder} is no gallery: `meshgait gallery create {self.folder}` makes one"
            )
        self.audit = Audit(self.folder)
        self._settings = self._read_settings()

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r})"

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Make an empty gallery, for its owner only. The first sequence decides of which model it is.

        Raises GalleryError when the folder holds anything already.
        """
        folder = Path(folder)
        if is_store(folder):
            raise GalleryError(f"{folder} is a gallery already")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise GalleryError(f"{folder} holds something already: choose a new folder for the gallery")
        make_folder(folder)
        folder.chmod(0o700)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(folder / SETTINGS, {"schema": SCHEMA, "created": created, "model": None})
        store = cls(folder)
        store.audit.note("create")
        return store

    @property
    def model_id(self) -> str | None:
        """Of the network whose embeddings it holds; None while it is empty and new."""
        return self._settings["model"]["id"] if self._settings["model"] else None

    @property
    def trained(self) -> bool:
        """False when its embeddings were made by a network with untrained weights."""
        return bool(self._settings["model"]["trained"]) if self._settings["model"] else True

    @property
    def shape(self) -> tuple[int, int] | None:
        """parts, dim of its embeddings."""
        model = self._settings["model"]
        return (model["parts"], model["dim"]) if model else None

    # Writing

    def add(self, sequences: Sequence[GallerySequence]) -> list[str]:
        """Enrol; returns the new ids, in order. What was enrolled from the same source under the same
        identity and name before is left out, so that a broken-off enrolment can simply be repeated.

        Raises GalleryError when an embedding was made by another model than the gallery's, UsageError for a
        name that is none.
        """
        sequences = [replace(one, identity=checked_name(one.identity)) for one in sequences]
        ids: list[str] = []
        with self._writing():
            for start in range(0, len(sequences), _BATCH):
                ids += self._add(sequences[start : start + _BATCH])
        return ids

    def _add(self, sequences: Sequence[GallerySequence]) -> list[str]:
        self._accept(sequences)
        fresh = self._fresh(sequences)
        if not fresh:
            return []
        from uuid import uuid4

        ids = [one.id or uuid4().hex[:16] for one in fresh]
        for one, new in zip(fresh, ids, strict=True):
            if one.silhouettes is not None:
                self._keep(new, one.silhouettes)
        self._rows.add([replace(one, id=new) for one, new in zip(fresh, ids, strict=True)])
        self.audit.note("enrol", sorted({one.identity for one in fresh}), sequences=len(fresh))
        return ids

    def _accept(self, sequences: Sequence[GallerySequence]) -> None:
        """Check that all are of the gallery's model, or make it theirs."""
        first = sequences[0].embedding
        if self._settings["model"] is None:
            parts, dim = first.values.shape
            model = {"id": first.model_id, "trained": first.trained, "parts": parts, "dim": dim}
            Table(self._vectors, first.model_id, first.trained, parts, dim).create()
            write_json(self.folder / SETTINGS, {**self._settings, "model": model})
            self._settings = self._read_settings()
            self.__dict__.pop("_rows", None)
        for one in sequences:
            self.require_model(one.embedding.model_id)
            if one.embedding.values.shape != self.shape:
                raise GalleryError(
                    f"an embedding is {one.embedding.values.shape}, the gallery's are {self.shape}"
                )

    def require_model(self, model_id: str) -> None:
        """Raises GalleryError when the gallery's embeddings were made by another model."""
        if self.model_id not in (None, model_id):
            raise GalleryError(
                f"the gallery {self.folder} holds embeddings of {self.model_id}, but {model_id} is in use: "
                "choose that model with --model, or enrol its people into a new gallery"
            )

    def _fresh(self, sequences: Sequence[GallerySequence]) -> list[GallerySequence]:
        sources = sorted({one.source for one in sequences if one.source})
        known: set[tuple[str, str, str]] = set()
        if sources and self._rows.count():
            names = ("source", "identity", "name")
            found = self._rows.columns(names, is_in("source", sources))
            known = set(zip(*(found[name] for name in names), strict=True))
        return [one for one in sequences if (one.source, one.identity, one.name) not in known]

    def _keep(self, sequence_id: str, sequence: SilhouetteSequence) -> None:
        with owner_only():
            make_folder(self._silhouettes)
            path = self._silhouettes / f"{sequence_id}.npz"
            aside = path.with_suffix(".tmp")
            with aside.open("wb") as file:
                np.savez_compressed(file, silhouettes=sequence.silhouettes, times=sequence.times)
            os.replace(aside, path)

    def remove(self, identity: str, sequence_id: str | None = None) -> int:
        """Erase a person, or one sequence of theirs; returns how many sequences that were.

        Their rows, silhouettes and index entries, and all older versions of these, are gone from the folder
        when it returns. After a crash in the middle the next write finishes it. Raises GalleryError when
        there is no such person or sequence.
        """
        where = is_in("identity", [identity])
        if sequence_id is not None:
            where += f" AND {is_in('id', [sequence_id])}"
        with self._writing():
            ids = self._known(where, f"{identity!r}" + (f" {sequence_id}" if sequence_id else ""))
            self._mark_erasing()
            self._rows.delete(where)
            self._erase()
            self.audit.note("remove", [identity], sequences=len(ids))
        return len(ids)

    def rename(self, identity: str, new: str) -> int:
        """Give a person another name; the old one is erased. Raises GalleryError when there is no such
        person, or somebody has the new name."""
        new = checked_name(new)
        with self._writing():
            if self._rows_or_none() and self._rows.count(is_in("identity", [new])):
                raise GalleryError(f"{new!r} is in the gallery already: `gallery merge` makes two people one")
            return self._move("rename", [identity], new)

    def merge(self, into: str, others: Sequence[str]) -> int:
        """Make several people one: those of `others` become `into`, who must be known. Returns how many
        sequences moved. Raises GalleryError when somebody is not known."""
        with self._writing():
            self._known(is_in("identity", [into]), repr(into))
            return self._move("merge", [name for name in others if name != into], into)

    def _move(self, action: str, names: Sequence[str], new: str) -> int:
        for name in names:
            self._known(is_in("identity", [name]), repr(name))
        if not names:
            raise UsageError("name at least one other person")
        self._mark_erasing()
        moved = self._rows.rename(is_in("identity", list(names)), new)
        self._erase()
        self.audit.note(action, [new, *names], sequences=moved)
        return moved

    def _known(self, where: str, who: str) -> list[str]:
        ids = self._rows.columns(["id"], where)["id"] if self._rows_or_none() else []
        if not ids:
            raise GalleryError(f"there is no {who} in the gallery {self.folder}")
        return ids

    def _mark_erasing(self) -> None:
        write_json(self.folder / _ERASING, {})

    def _erase(self) -> None:
        """Free the folder of everything that the newest version does not hold."""
        self._rows.scrub()
        kept = set(self._rows.columns(["id"])["id"])
        for path in self._silhouettes.iterdir() if self._silhouettes.is_dir() else ():
            if path.stem not in kept or path.suffix != ".npz":
                path.unlink()
        swept(self.work)
        (self.folder / _ERASING).unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with locked(self.folder / ".lock"), owner_only():
            self._settings = self._read_settings()
            if (self.folder / _ERASING).exists():  # a process died in the middle of it
                self._erase()
            yield

    # Reading

    def __len__(self) -> int:
        return self._read(Table.count) if self._rows_or_none() else 0

    def people(self) -> dict[str, int]:
        """Everybody by name, and how many sequences there are of each."""
        names = (
            self._read(lambda rows: rows.columns(["identity"])["identity"]) if self._rows_or_none() else []
        )
        return dict(sorted(Counter(names).items()))

    def describe(self, identity: str | None = None) -> list[dict[str, Any]]:
        """All that is known of each sequence but its vector, by identity and time of enrolment.

        Raises GalleryError when `identity` is not in the gallery.
        """
        where = None if identity is None else is_in("identity", [identity])
        found = self._read(lambda rows: rows.columns(COLUMNS, where)) if self._rows_or_none() else {"id": []}
        if identity is not None and not found["id"]:
            raise GalleryError(f"there is no {identity!r} in the gallery {self.folder}")
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        for row in rows:
            row["silhouettes"] = (self._silhouettes / f"{row['id']}.npz").exists()
        return sorted(rows, key=lambda row: (row["identity"], row["enrolled"], row["name"]))

    def sequences(self, identities: Iterable[str] | None = None) -> list[GallerySequence]:
        """Of these people, or of everybody: 4 kB a sequence of 16×256 halves on the disk, twice that here."""
        where = None if identities is None else is_in("identity", sorted(identities))
        return self._read(lambda rows: rows.sequences(where)) if self._rows_or_none() else []

    def holds(self, source: str) -> set[str]:
        """The identities under which the source with this sha256 was enrolled."""
        if not self._rows_or_none():
            return set()
        where = is_in("source", [source])
        return set(self._read(lambda rows: rows.columns(["identity"], where))["identity"])

    def silhouettes(self, sequence_id: str) -> SilhouetteSequence | None:
        """What a sequence's embedding was made of; None when it was not kept."""
        path = self._silhouettes / f"{Path(sequence_id).name}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found, times = arrays["silhouettes"], arrays["times"]
        except FileNotFoundError:
            return None
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise GalleryError(f"{path} is damaged: {error}") from error
        return replace(SilhouetteSequence.from_arrays(found, sequence_id), times=times)

    def nearest(self, queries: NDArray[np.float32], count: int) -> list[list[tuple[float, str, str]]]:
        """For each of Q×parts×dim queries the `count` nearest sequences: distance, id, identity, nearest
        first.

        Exact: every vector is read from the disk and compared.
        """
        from .nearest import nearest

        if not self._rows_or_none():
            return [[] for _ in queries]
        return self._read(lambda rows: nearest(rows.blocks(), queries, count))

    def stats(self) -> dict[str, Any]:
        """Numbers about the gallery; bytes are those on the disk."""
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        vectors = sum(path.stat().st_size for path in self._vectors.rglob("*") if path.is_file())
        people = self.people()
        rows = sum(people.values())
        return {
            "gallery": str(self.folder),
            "created": self._settings["created"],
            "model": self.model_id,
            "shape": list(self.shape or ()),
            "people": len(people),
            "with_several_sequences": sum(number > 1 for number in people.values()),
            "sequences": rows,
            "bytes": size,
            "vector_bytes_per_sequence": round(vectors / rows, 1) if rows else None,
            "log_entries": len(self.audit.entries()),
        }

    @property
    def work(self) -> Path:
        """Where videos are extracted while they are enrolled."""
        return self.folder / "work"

    @property
    def _vectors(self) -> Path:
        return self.folder / "vectors"

    @property
    def _silhouettes(self) -> Path:
        return self.folder / "silhouettes"

    @cached_property
    def _rows(self) -> Table:
        model = self._settings["model"]
        return Table(self._vectors, model["id"], model["trained"], model["parts"], model["dim"])

    def _rows_or_none(self) -> Table | None:
        if self._settings["model"] is None:
            self._settings = self._read_settings()  # another process may have enrolled the first person
        return self._rows if self._settings["model"] else None

    def _read(self, ask: Callable[[Table], T]) -> T:
        """Ask again when an erasure in another process deleted the files that were being read."""
        for _ in range(_RETRIES - 1):
            try:
                return ask(self._rows)
            except (RuntimeError, OSError, ValueError):
                self.__dict__.pop("_rows", None)
        try:
            return ask(self._rows)
        except (RuntimeError, OSError, ValueError) as error:
            raise GalleryError(
                f"{self._vectors} cannot be read: {str(error).splitlines()[0][:150]}"
            ) from error

    def _read_settings(self) -> dict[str, Any]:
        path = self.folder / SETTINGS
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            schema, _, _ = settings["schema"], settings["model"], settings["created"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(f"{path} is damaged: {error}") from error
        if schema != SCHEMA:
            raise GalleryError(
                f"{self.folder} is a gallery of version {schema}, this meshgait reads version {SCHEMA}: "
                "use the meshgait that made it, or enrol its people into a new gallery"
            )
        return settings


def is_in(column: str, values: Sequence[str]) -> str:
    """A condition on a column of words; whatever is in them is quoted."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"
