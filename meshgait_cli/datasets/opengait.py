"""OpenGait's layout on disk: root/<id>/<type>/<view>/<view>.pkl, T×64×64 uint8."""

from __future__ import annotations

import pickle
from pathlib import Path

from ..atomic import aside
from ..records import SilhouetteSequence

__all__ = ["write_tree"]


def write_tree(root: Path, identity: str, kind: str, view: str, sequence: SilhouetteSequence) -> Path:
    """Write one sequence where OpenGait looks for it, atomically; returns the file."""
    path = root / identity / kind / view / f"{view}.pkl"
    with aside(path) as temporary, temporary.open("wb") as file:
        pickle.dump(sequence.silhouettes, file, protocol=4)
    return path
