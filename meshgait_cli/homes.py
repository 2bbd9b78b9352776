"""`~` in the paths that people write."""

from __future__ import annotations

from pathlib import Path

__all__ = ["expanded"]


def expanded(path: str) -> Path:
    """With the home folder for `~` and `~name`; as it is where nobody is called that."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
