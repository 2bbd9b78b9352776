"""OpenGait's layout on disk: root/<id>/<type>/<view>/<view>.pkl, T×64×64 uint8."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from ..records import SilhouetteSequence

__all__ = ["write_tree"]


def write_tree(root: Path, identity: str, kind: str, view: str, sequence: SilhouetteSequence) -> Path:
    """Write one sequence where OpenGait looks for it, atomically; returns the file."""
    folder = root / identity / kind / view
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{view}.pkl"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            pickle.dump(sequence.silhouettes, file, protocol=4)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
