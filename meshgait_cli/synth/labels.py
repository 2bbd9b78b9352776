"""`labels.parquet` of a synthetic dataset: one row a sequence, with all that was drawn for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MeshgaitError
from .plan import SynthSettings, Take, folder_of
from .walkers import Identity, SyntheticSequence

__all__ = ["LABELS_FILE", "label_of", "read_labels", "write_labels"]

LABELS_FILE = "labels.parquet"


def label_of(
    settings: SynthSettings, identity: Identity, take: Take, sequence: SyntheticSequence
) -> dict[str, Any]:
    """The row of one sequence, but for the sums of its files. Angles in degrees, distance in metres."""
    style, camera = identity.style, sequence.camera
    scores = (style.scores, style.gain, style.offset.ravel(), style.lag)
    return {
        "identity": folder_of(identity.number),
        "number": identity.number,
        "type": take.type,
        "view": take.view,
        "condition": take.condition,
        "frames": len(sequence.silhouettes),
        "seed": settings.seed,
        "outfit": sequence.outfit,
        "carrying": sequence.carrying,
        "severity": sequence.severity,
        "azimuth": camera.azimuth,
        "elevation": camera.elevation,
        "roll": camera.roll,
        "distance": camera.distance,
        "drift": camera.drift,
        "pixels": camera.pixels,
        "fps": sequence.fps,
        "speed": style.speed,
        "cadence": style.cadence,
        "style": [float(value) for value in np.concatenate(scores).astype(np.float32)],
        "betas": [float(value) for value in identity.betas.astype(np.float32)],
    }


def _schema() -> Any:
    import pyarrow as pa

    number, text = pa.float32(), pa.string()
    angles = ("azimuth", "elevation", "roll", "distance", "drift", "pixels", "fps", "speed", "cadence")
    return pa.schema(
        [
            ("identity", text),
            ("number", pa.int64()),
            ("type", text),
            ("view", text),
            ("condition", text),
            ("frames", pa.int32()),
            ("seed", pa.int64()),
            ("outfit", pa.int8()),
            ("carrying", pa.bool_()),
            ("severity", text),
            *((name, number) for name in angles),
            ("style", pa.list_(number)),
            ("betas", pa.list_(number)),
            ("sha256", text),
            ("truth_sha256", text),
        ]
    )


def write_labels(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows, by identity and then as they come, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["number"]), schema=_schema())
    aside = folder / f".{LABELS_FILE}.tmp"
    try:
        pq.write_table(table, aside)
        os.replace(aside, folder / LABELS_FILE)
    finally:
        aside.unlink(missing_ok=True)


def read_labels(folder: Path) -> list[dict[str, Any]]:
    """The rows of a dataset. MeshgaitError where the file is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / LABELS_FILE
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        if rows and set(_schema().names) - set(rows[0]):
            raise ValueError("columns are missing")
    except (OSError, ValueError, pa.ArrowException) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise MeshgaitError(f"cannot read {path} ({said}): make the dataset again") from error
    return rows
