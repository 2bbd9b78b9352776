"""The table in which a gallery's sequences lie: rows to and from LanceDB."""

from __future__ import annotations

import errno
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError, GalleryUnreadable, UsageError
from ..records import GaitEmbedding
from .place import Anywhere, Folder, Place, place_at
from .sequence import GallerySequence

__all__ = [
    "COLUMNS",
    "Block",
    "Table",
    "Where",
    "broke",
    "check",
    "check_words",
    "damaged",
    "panicked",
    "sql",
]

NAME = "sequences"
COLUMNS = (
    "id", "identity", "name", "source", "video", "start_s", "end_s", "view", "camera", "enrolled", "quality",
    "frames", "model",
)  # fmt: skip
_WORDS = ("id", "identity", "name", "source", "video", "view", "camera", "enrolled")
_HALF_MAX = float(np.finfo(np.float16).max)
_FRAGMENTS = 64  # small files that may pile up before they are joined
_INDEX_FROM = 1000  # rows; fewer are found as fast without an index
INDEX_VECTORS_FROM = 50_000  # rows; fewer are all compared
_UNINDEXED = 0.05  # share of rows that may be missing from the index of vectors
_PROBES = 100  # partitions of it that a search looks into: of 158, 40 found 0.99 of the nearest, all 1.0
_END = b"LANC"  # of every file of the engine's
_FOOTER = Struct("<Q4x4s")  # of its lists of files: where the list begins, version, _END
_LENGTH = Struct("<I")  # with which the list begins
_NO_DAMAGE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO,
    errno.ESTALE,
)  # fmt: skip
_KEEP_OLD = timedelta(hours=1)  # versions that somebody may still be reading

Block = tuple[list[str], list[str], NDArray[np.float16]]
Where = Mapping[str, Sequence[str]]  # columns of words, and for each the words one of which must stand there


class Table:
    """Sequences of one model, parts×dim halves each. Every read sees the newest version.

    Writes are transactions of their own; the store sees to it that there is one writer at a time.
    """

    _touched = "quality"  # a column to write anew when a row is to be rewritten

    def __init__(self, where: Anywhere, model_id: str, trained: bool, parts: int, dim: int) -> None:
        self.place = place_at(where)
        self.model_id, self.trained, self.parts, self.dim = model_id, trained, parts, dim
        self._table: Any = None

    def create(self) -> None:
        """Make it anew, empty."""
        self.place.check()
        self._database().create_table(NAME, schema=self._stored_schema(), mode="overwrite")

    def add(self, sequences: Sequence[GallerySequence], ids: Sequence[str]) -> None:
        """Append under these ids, all of them or none. Joins small files where too many pile up."""
        self._append(self._rows(sequences, ids))
        if self._open().stats()["fragment_stats"]["num_small_fragments"] >= _FRAGMENTS:
            self._optimise(_KEEP_OLD)
            self._index()
        elif len(ids) >= _INDEX_FROM:
            self._index()

    def _append(self, rows: Any) -> None:
        self._writable().add(rows)

    def delete(self, where: Where) -> None:
        self._writable().delete(sql(where))

    def rename(self, where: Where, identity: str) -> int:
        return int(self._writable().update(where=sql(where), values={"identity": identity}).rows_updated)

    def scrub(self) -> None:
        """Leave nothing on the disk that is not in the newest version: rewrite every row that stays, build
        the index of names anew, drop that of vectors, and delete all older files. A reader in another process
        may have to start again."""
        table = self._writable()
        if table.count_rows():
            table.update(values_sql={self._touched: self._touched})
        else:  # or the newest version would be the deletion itself, which says whom it was about
            table.restore(table.version)
        for index in table.list_indices():
            if index.columns == ["identity"]:
                self._index(anew=True)
            else:
                table.drop_index(index.name)
        self._optimise(timedelta(0))
        # What a killed process was writing has names of its own, which the database never looks at again.
        self.place.clear((".tmp*", "*#[0-9]*"))

    def count(self, where: Where | None = None) -> int:
        return int(self._open().count_rows(sql(where) if where else None))

    def columns(self, names: Sequence[str], where: Where | None = None) -> dict[str, list[Any]]:
        """The named columns, row by row in one order; no vectors."""
        found = self._fetch(names, where)
        return {name: found[name].to_pylist() for name in names}

    def sequences(self, where: Where | None = None) -> list[GallerySequence]:
        """Whole rows; without silhouettes."""
        found = self._fetch([*COLUMNS, "vector"], where)
        vectors = _halves(found["vector"], self.parts, self.dim).astype(np.float32)
        rows = found.drop_columns(["vector"]).to_pylist()
        return [self._sequence(row, vector) for row, vector in zip(rows, vectors, strict=True)]

    def blocks(self) -> Iterator[Block]:
        """ids, identities and N×parts×dim halves, some thousand rows at a time, straight from the disk."""
        for batch in self._batches(("id", "identity", "vector")):
            yield self._block(batch)

    def _block(self, rows: Any) -> Block:
        vectors = _halves(rows.column("vector"), self.parts, self.dim)
        return rows.column("id").to_pylist(), rows.column("identity").to_pylist(), vectors

    def _fetch(self, names: Sequence[str], where: Where | None) -> Any:
        query = self._open().search().select(list(names))
        return (query.where(sql(where)) if where else query).to_arrow()

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        yield from self._open().search().select(list(names)).to_batches()

    def vectors_indexed(self) -> bool:
        """Whether there is an index of the vectors; rows that it does not hold yet are compared besides."""
        return self._vector_index() is not None

    def wants_index(self) -> bool:
        """Whether there are enough rows for an index of vectors, and many that it does not hold."""
        name, table = self._vector_index(), self._open()
        if name is None:
            return bool(table.count_rows() >= INDEX_VECTORS_FROM)
        return bool(table.index_stats(name).num_unindexed_rows > _UNINDEXED * table.count_rows())

    def index_vectors(self) -> bool:
        """Build it, or take into it what came since; returns whether there was anything to do.

        IVF with RaBitQ codes of one bit a dimension, over the L2 of all parts concatenated, which orders
        nearly as the mean over the parts does.
        """
        from lancedb.index import IvfRq

        if not self.wants_index():
            return False
        if self.vectors_indexed():
            self._optimise(_KEEP_OLD)
            return True
        partitions = max(1, round(math.sqrt(self.count()) / 2))
        self._writable().create_index("vector", config=IvfRq(num_partitions=partitions, max_iterations=10))
        return True

    def candidates(self, query: NDArray[np.float32], count: int) -> Block:
        """About the `count` rows nearest to a parts×dim query, by the index."""
        names = ["id", "identity", "vector"]
        asked = self._open().search(query.ravel(), vector_column_name="vector").distance_type("l2")
        found = asked.nprobes(_PROBES).select([*names, "_distance"]).limit(count).to_arrow()
        return self._block(found)

    def _vector_index(self) -> str | None:
        found = [index.name for index in self._open().list_indices() if index.columns == ["vector"]]
        return found[0] if found else None

    def _database(self) -> Any:
        # Its remarks about its own housekeeping are no concern of the person at the terminal.
        os.environ.setdefault("LANCEDB_LOG", "error")
        os.environ.setdefault("LANCE_LOG", "error")
        import lancedb

        return lancedb.connect(
            self.place.uri, read_consistency_interval=timedelta(0), storage_options=self.place.options
        )

    def _writable(self) -> Any:
        self.place.check()
        return self._open()

    def _open(self) -> Any:
        if self._table is None:
            self._look()
            try:
                table = self._database().open_table(NAME)
                if not set(self._stored_schema()) <= set(table.schema):
                    raise ValueError("its table is of another shape than its settings say")
            except Exception as error:
                if not broke(error):
                    raise
                raise self.place.explained(error) or damaged(self.place, error) from error
            self._table = table
        return self._table

    def _look(self) -> None:
        """Before the engine does: at a version's list of files that was cut short, or overwritten, it panics,
        and prints where in its own source."""
        if isinstance(self.place, Folder):
            for path in (self.place.path / f"{NAME}.lance" / "_versions").glob("*.manifest"):
                with suppress(FileNotFoundError), path.open("rb") as file:  # an erasure took it
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - _FOOTER.size))
                    end = file.read()
                    if not end.endswith(_END) or len(end) < _FOOTER.size:
                        raise damaged(self.place, ValueError(f"{path.name} was cut short"))
                    start, *_ = _FOOTER.unpack(end)
                    file.seek(min(start, size))
                    if start + _LENGTH.size + int.from_bytes(file.read(_LENGTH.size), "little") > size:
                        raise damaged(self.place, ValueError(f"{path.name} is not whole"))

    def _index(self, anew: bool = False) -> None:
        from lancedb.index import BTree

        table = self._open()
        there = any(index.columns == ["identity"] for index in table.list_indices())
        if anew or (not there and table.count_rows() >= _INDEX_FROM):
            table.create_index("identity", config=BTree(), replace=True)

    def _optimise(self, older_than: timedelta) -> None:
        with warnings.catch_warnings():
            # It warns that other writers would fail: there are none, the store holds its lock.
            warnings.simplefilter("ignore")
            self._writable().optimize(cleanup_older_than=older_than, delete_unverified=True)

    def _schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(
            [
                *((name, pa.string()) for name in _WORDS),
                ("start_s", pa.float64()),
                ("end_s", pa.float64()),
                ("quality", pa.float32()),
                ("frames", pa.int32()),
                ("model", pa.string()),
                ("vector", pa.list_(pa.float16(), self.parts * self.dim)),
            ]
        )

    def _stored_schema(self) -> Any:
        return self._schema()

    def _rows(self, sequences: Sequence[GallerySequence], ids: Sequence[str]) -> Any:
        import pyarrow as pa

        now = datetime.now(UTC).isoformat(timespec="seconds")
        columns: dict[str, Any] = {name: [getattr(one, name) for one in sequences] for name in _WORDS}
        columns["id"], columns["enrolled"] = list(ids), [one.enrolled or now for one in sequences]
        for name in ("start_s", "end_s"):
            columns[name] = np.array([getattr(one, name) for one in sequences], np.float64)
        columns["quality"] = np.array([one.embedding.quality for one in sequences], np.float32)
        columns["frames"] = np.array([one.embedding.frames for one in sequences], np.int32)
        columns["model"] = [self.model_id] * len(ids)
        halves = np.empty((len(ids), self.parts, self.dim), np.float16)
        for row, one in zip(halves, sequences, strict=True):
            row[:] = one.embedding.values
        flat = pa.array(halves.ravel())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.parts * self.dim)
        return pa.table(columns, schema=self._schema())

    def _sequence(self, row: dict[str, Any], vector: NDArray[np.float32]) -> GallerySequence:
        quality = row.pop("quality")
        frames = row.pop("frames")
        embedding = GaitEmbedding(
            vector, row.pop("model"), self.trained, frames, math.nan if quality is None else quality
        )
        return GallerySequence(embedding=embedding, **row)


def _halves(column: Any, parts: int, dim: int) -> NDArray[np.float16]:
    whole = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    flat = whole.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, parts, dim)


def damaged(place: Place, error: Exception | None) -> GalleryError:
    """What the database says of it, without where in its own source that is; or what the system refused."""
    told = re.search(r"os error (\d+)", str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    if number in _NO_DAMAGE:
        return GalleryError(f"{place} cannot be read or written: {os.strerror(number)}")
    said = re.sub(r"(lance error: )?LanceError\(\w+\): |, /[^ ]+\.rs.*", "", str(error).splitlines()[0])
    return GalleryUnreadable(
        f"{place} is damaged ({said[:150]}): take it from a copy, or enrol its people into a new gallery"
    )


def panicked(error: Exception) -> bool:
    """Whether the database gave up in a way of its own: it exports no class for that."""
    return type(error).__name__ == "RustPanic"


def broke(error: Exception) -> bool:
    """Whether this is how the database or the disk fails in reading."""
    return isinstance(error, RuntimeError | OSError | ValueError) or panicked(error)


def check(sequences: Sequence[GallerySequence]) -> None:
    """Before anything is written: raises GalleryError for what a row cannot hold, UsageError as `check_words`
    does."""
    check_words({name: [getattr(one, name) for one in sequences] for name in _WORDS})
    for one in sequences:
        if not one.embedding.model_id.isprintable():
            raise GalleryError(f"{one.embedding.model_id[:80]!r} is no model's name")
        if np.abs(one.embedding.values).max(initial=0) > _HALF_MAX:
            raise GalleryError(f"embeddings beyond ±{_HALF_MAX:.0f} do not fit in half precision")
        if math.isinf(one.start_s) or math.isinf(one.end_s):
            raise GalleryError(f"{one.name} cannot be from {one.start_s} to {one.end_s} s of a video")


def sql(where: Where) -> str:
    """The condition as the database wants it; whatever is in the words is quoted. Raises UsageError as
    `check_words` does."""
    check_words(where)

    def quoted(words: Sequence[str]) -> str:
        return ", ".join("'" + word.replace("'", "''") + "'" for word in words)

    return " AND ".join(f"{column} IN ({quoted(words)})" for column, words in where.items())


def check_words(where: Where) -> None:
    """Raises UsageError for a word that is no text, as a file's name may be."""
    for word in chain.from_iterable(where.values()):
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            raise UsageError(f"{word!r} is no text that a gallery could hold")
