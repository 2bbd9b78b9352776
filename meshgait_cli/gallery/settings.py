"""What a gallery says of itself: version, model, shape, and how a passphrase opens it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import GalleryError

__all__ = ["SCHEMA", "SETTINGS", "is_encrypted", "is_store", "read_settings"]

SCHEMA = {"plain": 1, "sealed": 2}  # what does not know seals refuses a sealed one as too new
SETTINGS = "gallery.json"


def is_store(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


def is_encrypted(folder: Path) -> bool:
    """Whether it is a gallery that wants a passphrase."""
    try:
        return "seal" in json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def read_settings(folder: Path) -> dict[str, Any]:
    """Raises GalleryError when they are damaged or of another version."""
    path = folder / SETTINGS
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        schema, _, _ = settings["schema"], settings["model"], settings["created"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GalleryError(f"{path} is damaged: {error}") from error
    if schema != SCHEMA["sealed" if "seal" in settings else "plain"]:
        raise GalleryError(
            f"{folder} is a gallery of version {schema}, which this meshgait does not read: use the meshgait "
            "that made it, or enrol its people into a new gallery"
        )
    return dict(settings)
