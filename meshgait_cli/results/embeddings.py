"""Files of embeddings: `.safetensors` (fast, small) or `.parquet` (opens in any data tool)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import aside
from ..errors import ResultError, UsageError
from ..records import GaitEmbedding
from ..words import from_json

__all__ = ["SUFFIXES", "EmbeddingSet", "LabelledEmbedding"]

SUFFIXES = (".safetensors", ".parquet")
_FORMAT = "meshgait-embeddings-1"
_MOST = float(np.finfo(np.float16).max)  # galleries hold float16


@dataclass(frozen=True, slots=True, eq=False)
class LabelledEmbedding:
    """An embedding and where it came from. `id` is the identity, or the track number in a result."""

    id: str
    embedding: GaitEmbedding
    type: str = ""
    view: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSet:
    """Embeddings made by one model. Raises ValueError when they are of different models."""

    items: tuple[LabelledEmbedding, ...]
    model_id: str
    trained: bool

    def __post_init__(self) -> None:
        if any(item.embedding.model_id != self.model_id for item in self.items):
            raise ValueError("embeddings of different models do not belong in one file")

    def write(self, path: Path) -> None:
        """Write atomically; the suffix of `path` chooses the format."""
        writer = {".safetensors": self._write_safetensors, ".parquet": self._write_parquet}.get(path.suffix)
        if writer is None:
            raise UsageError(f"cannot write {path.name}: embeddings go to a {' or '.join(SUFFIXES)} file")
        with aside(path) as temporary:
            writer(temporary)

    def _labels(self) -> list[dict[str, Any]]:
        return [
            {
                "id": item.id,
                "type": item.type,
                "view": item.view,
                "path": item.path,
                "frames": item.embedding.frames,
                "quality": None if np.isnan(item.embedding.quality) else item.embedding.quality,
            }
            for item in self.items
        ]

    def _write_safetensors(self, path: Path) -> None:
        from safetensors.numpy import save_file

        metadata = {
            "format": _FORMAT,
            "model_id": self.model_id,
            "trained": json.dumps(self.trained),
            "labels": json.dumps(self._labels(), ensure_ascii=False),
        }
        save_file({str(i): item.embedding.values for i, item in enumerate(self.items)}, path, metadata)

    def _write_parquet(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        labels = self._labels()
        parts, dim = self.items[0].embedding.values.shape if self.items else (0, 0)
        schema = pa.schema(
            [
                ("id", pa.string()),
                ("type", pa.string()),
                ("view", pa.string()),
                ("path", pa.string()),
                ("frames", pa.int32()),
                ("quality", pa.float32()),
                ("embedding", pa.list_(pa.float32(), parts * dim)),
            ],
            metadata={
                "format": _FORMAT,
                "model_id": self.model_id,
                "trained": json.dumps(self.trained),
                "parts": str(parts),
                "dim": str(dim),
            },
        )
        rows = [
            {**label, "embedding": item.embedding.values.ravel().tolist()}
            for label, item in zip(labels, self.items, strict=True)
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)

    @classmethod
    def read(cls, path: Path) -> EmbeddingSet:
        """Raises ResultError when the file is missing, damaged or not one of ours."""
        reader = {".safetensors": _read_safetensors, ".parquet": _read_parquet}.get(path.suffix)
        if reader is None:
            raise UsageError(f"{path} is not a {' or '.join(SUFFIXES)} file of embeddings")
        if not path.is_file():
            raise ResultError(f"there is no {path}: run `meshgait extract` or `meshgait embed` again")
        try:
            metadata, labels, arrays = reader(path)
            if metadata.get("format") != _FORMAT:
                raise ResultError(f"{path} was not written by meshgait, or by another version of it")
            model_id, trained = metadata["model_id"], bool(from_json(metadata["trained"]))
            for number, (label, array) in enumerate(zip(labels, arrays, strict=True)):
                if wrong := _wrong(label, array, arrays[0].shape):
                    raise ResultError(f"{path}, embedding {number}: {wrong}; write the file again")
            items = tuple(
                LabelledEmbedding(
                    id=label["id"],
                    type=label["type"],
                    view=label["view"],
                    path=label["path"],
                    embedding=GaitEmbedding(
                        values=np.ascontiguousarray(array, dtype=np.float32),
                        model_id=model_id,
                        trained=trained,
                        frames=label["frames"],
                        quality=float("nan") if label["quality"] is None else float(label["quality"]),
                    ),
                )
                for label, array in zip(labels, arrays, strict=True)
            )
            return cls(items=items, model_id=model_id, trained=trained)
        except ResultError:
            raise
        except Exception as error:  # safetensors, Arrow and json each have errors of their own
            said = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise ResultError(f"{path} is damaged: {said}") from error


def _wrong(label: dict[str, Any], array: np.ndarray, shape: tuple[int, ...]) -> str:
    """What is wrong with an entry of a file that anybody may have made, or ""."""
    for name in ("id", "type", "view", "path"):
        text = label[name]
        if not isinstance(text, str) or text.encode(errors="replace").decode() != text:
            return f"its {name} is not text"
    frames, quality = label["frames"], label["quality"]
    if type(frames) is not int or not 0 <= frames < 1 << 31:
        return f"frames cannot be {str(frames)[:20]!r}"
    if quality is not None and not (
        isinstance(quality, int | float) and (0 <= quality <= 1 or quality != quality)
    ):
        return f"quality is from 0 to 1, not {str(quality)[:20]!r}"
    if array.ndim != 2 or array.shape != shape or not array.size or array.dtype.kind != "f":
        return f"it is {array.shape} of {array.dtype}, not parts×dim numbers like the others"
    if not (np.abs(array) <= _MOST).all():
        return f"its values are not finite, or are beyond {_MOST:.0f}"
    return ""


_Read = tuple[dict[str, str], list[dict[str, Any]], list[np.ndarray]]


def _read_safetensors(path: Path) -> _Read:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        labels = from_json(metadata.get("labels", "[]"))
        return metadata, labels, [file.get_tensor(str(i)) for i in range(len(labels))]


def _read_parquet(path: Path) -> _Read:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if "parts" not in metadata:
        return metadata, [], []
    shape = (int(metadata["parts"]), int(metadata["dim"]))
    rows = table.to_pylist()
    return metadata, rows, [np.array(row["embedding"], dtype=np.float32).reshape(shape) for row in rows]
