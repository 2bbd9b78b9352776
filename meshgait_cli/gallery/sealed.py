"""The table of an encrypted gallery: LanceDB keeps sealed boxes, the rows are opened into memory.

On the disk a row is a random id and a box with everything else: names, addresses, times, quality and vector.
No index can be built over that; questions are answered from memory, where the opened rows stay as long as the
table does: 8 kB a sequence of 16×256 halves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .place import Place
from .seal import Seal
from .table import COLUMNS, Table, Where, check_words, sql

__all__ = ["SealedTable", "table_of"]

_PURPOSE = "rows"
_PAD = 256  # bytes; what describes a row is filled up to a multiple, so that its length tells no name
_LENGTH = 4  # bytes
_OPENED = 1024  # boxes at once
_CHUNKS = 256  # pieces in memory before they are joined


class SealedTable(Table):
    """As `Table`, for whoever has the key."""

    _touched = "id"

    def __init__(self, *table: Any, seal: Seal) -> None:
        super().__init__(*table)
        self._seal = seal
        self._version = -1
        self._nonces: dict[str, bytes] = {}
        self._memory: Any = None

    def _stored_schema(self) -> Any:
        import pyarrow as pa

        return pa.schema([("id", pa.string()), ("nonce", pa.binary()), ("box", pa.binary())])

    def _append(self, rows: Any) -> None:
        self._writable().add(self._closed(rows))

    def delete(self, where: Where) -> None:
        super().delete({"id": self.columns(["id"], where)["id"]})

    def rename(self, where: Where, identity: str) -> int:
        import pyarrow as pa

        rows = self._fetch(self._schema().names, where)
        place = rows.schema.get_field_index("identity")
        rows = rows.set_column(place, "identity", pa.array([identity] * len(rows), pa.string()))
        self._writable().merge_insert("id").when_matched_update_all().execute(self._closed(rows))
        return len(rows)

    def count(self, where: Where | None = None) -> int:
        return len(self._fetch(["id"], where)) if where else super().count()

    def wants_index(self) -> bool:
        """There is nothing in the clear to build an index over."""
        return False

    def _index(self, anew: bool = False) -> None:
        """Neither of names."""

    def _fetch(self, names: Sequence[str], where: Where | None) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        where = where or {}
        check_words(where)
        found = self._opened()
        for column, words in where.items():
            found = found.filter(pc.is_in(found[column], value_set=pa.array(words, pa.string())))
        return found.select(list(names))

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        yield from self._opened().select(list(names)).to_batches()

    def _closed(self, rows: Any) -> Any:
        """Rows as they go to the disk."""
        import pyarrow as pa

        ids, boxes = rows["id"].to_pylist(), []
        described = rows.drop_columns(["vector"]).to_pylist()
        width = self.parts * self.dim
        halves = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        for row, half in zip(described, halves, strict=True):
            text = json.dumps([None if row[name] != row[name] else row[name] for name in COLUMNS]).encode()
            text += b" " * (-len(text) % _PAD)
            plain = len(text).to_bytes(_LENGTH, "big") + text + half.tobytes()
            boxes.append(self._seal.close(_PURPOSE, plain, row["id"]))
        nonces = [box[:12] for box in boxes]
        return pa.table({"id": ids, "nonce": nonces, "box": boxes}, schema=self._stored_schema())

    def _opened(self) -> Any:
        """All rows in the clear. Only boxes that are new since the last time are opened."""
        table = self._open()
        while self._version != (version := table.version):
            self._refresh(table)
            self._version = version
        return self._memory

    def _refresh(self, table: Any) -> None:
        import pyarrow as pa

        found = table.search().select(["id", "nonce"]).to_arrow()
        now = dict(zip(found["id"].to_pylist(), found["nonce"].to_pylist(), strict=True))
        fresh = [key for key, nonce in now.items() if self._nonces.get(key) != nonce]
        stays = {key for key, nonce in self._nonces.items() if now.get(key) == nonce}
        held = {key: self._nonces[key] for key in stays}
        pieces = []
        if stays:
            whole = len(stays) == len(self._nonces)
            kept = None if whole else pa.array([key in stays for key in self._memory["id"].to_pylist()])
            pieces.append(self._memory if kept is None else self._memory.filter(kept))
        for batch in self._boxes(table, fresh, everything=len(fresh) == len(now)):
            for start in range(0, len(batch), _OPENED):
                rows = batch.slice(start, _OPENED)
                # What was read, not what was to be read: another process may have written in between.
                held.update(zip(rows["id"].to_pylist(), rows["nonce"].to_pylist(), strict=True))
                pieces.append(self._plain(rows))
        self._memory = pa.concat_tables(pieces) if pieces else self._schema().empty_table()
        if self._memory["id"].num_chunks > _CHUNKS:
            self._memory = self._memory.combine_chunks()
        self._nonces = held

    def _boxes(self, table: Any, ids: Sequence[str], everything: bool) -> Iterator[Any]:
        names = ["id", "nonce", "box"]
        if everything and ids:
            yield from table.search().select(names).to_batches()
            return
        for start in range(0, len(ids), _OPENED):
            some = sql({"id": ids[start : start + _OPENED]})
            yield table.search().select(names).where(some).to_arrow().combine_chunks()

    def _plain(self, rows: Any) -> Any:
        import pyarrow as pa

        described: list[list[Any]] = []
        halves = np.empty((len(rows), self.parts * self.dim), np.float16)
        pairs = zip(rows["id"].to_pylist(), rows["box"].to_pylist(), strict=True)
        for number, (key, box) in enumerate(pairs):
            plain = self._seal.open(_PURPOSE, box, key)
            end = _LENGTH + int.from_bytes(plain[:_LENGTH], "big")
            described.append(json.loads(plain[_LENGTH:end]))
            halves[number] = np.frombuffer(plain, np.float16, offset=end)
        columns: dict[str, Any] = {}
        for name, values in zip(COLUMNS, zip(*described, strict=True), strict=True):
            columns[name] = [math.nan if value is None else value for value in values]
        flat = pa.array(halves.ravel())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.parts * self.dim)
        return pa.table(columns, schema=self._schema())


def table_of(place: Place, model: dict[str, Any], seal: Seal | None) -> Table:
    """Of either kind. model: as a gallery's settings have it."""
    what = (place, model["id"], model["trained"], model["parts"], model["dim"])
    return Table(*what) if seal is None else SealedTable(*what, seal=seal)
