"""`tracks.parquet` and `silhouettes/<track>.npz`: what was seen, frame by frame."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["TrackTable", "track_table", "write_silhouettes"]

_FLOATS = ("score", "overlap", "predicted_iou")
_FLAGS = ("valid", "cut", "complete")


class TrackTable:
    """Appends a track at a time; each becomes row groups of its own, so memory stays flat."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def add(self, track: int, rows: NDArray, walking: NDArray[np.bool_], good: NDArray[np.bool_]) -> None:
        import pyarrow as pa

        for first in range(0, len(rows), 4096):
            part = np.asarray(rows[first : first + 4096])
            span = slice(first, first + 4096)
            columns: dict[str, object] = {
                "track": np.full(len(part), track, dtype=np.int32),
                "frame": part["frame"],
                "time_s": part["time"],
                **{name: part["box"][:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
                "height_px": part["box"][:, 3] - part["box"][:, 1],
                **{name: part[name] for name in _FLOATS},
                **{name: part[name] for name in _FLAGS},
                "walking": walking[span],
                "good": good[span],
                **{name: part["transform"][:, i] for i, name in enumerate(("scale", "left", "top"))},
                "keypoints": list(part["keypoints"].reshape(len(part), -1)),
            }
            self._writer.write_table(pa.table(columns, schema=_schema()))


def _schema() -> object:
    import pyarrow as pa

    def each(names: tuple[str, ...], kind: object) -> list[tuple[str, object]]:
        return [(name, kind) for name in names]

    number, flag = pa.float32(), pa.bool_()
    return pa.schema(
        [
            ("track", pa.int32()),
            ("frame", pa.int64()),
            ("time_s", pa.float64()),
            *each(("x1", "y1", "x2", "y2", "height_px"), number),
            *each(_FLOATS, number),
            *each(_FLAGS, flag),
            *each(("walking", "good"), flag),
            *each(("scale", "left", "top"), number),
            ("keypoints", pa.list_(number)),
        ]
    )


@contextmanager
def track_table(path: Path) -> Iterator[TrackTable]:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, _schema()) as writer:
        yield TrackTable(writer)


def write_silhouettes(path: Path, rows: NDArray, walking: NDArray[np.bool_], good: NDArray[np.bool_]) -> None:
    """The track's valid silhouettes and what belongs to each, as a compressed .npz.

    Arrays, all of length T: silhouettes T×64×64 uint8, frames int64, times float64 seconds,
    transform T×3 float32, walking bool, good bool (the frames that an embedding is made of).
    Written array by array in slices, so that an hour-long track needs no more memory than a short one.
    """
    valid = np.flatnonzero(rows["valid"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("silhouettes.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(valid), 64, 64)}
            np.lib.format.write_array_header_2_0(file, header)
            for first in range(0, len(valid), 1024):
                file.write(np.ascontiguousarray(rows["silhouette"][valid[first : first + 1024]]).tobytes())
        arrays = {
            "frames": rows["frame"][valid],
            "times": rows["time"][valid],
            "transform": rows["transform"][valid],
            "walking": walking[valid],
            "good": good[valid],
        }
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
