"""What a gallery says of itself: version, model, shape, and how a passphrase opens it."""

from __future__ import annotations

import json
from typing import Any

from ..errors import GalleryError
from .place import Anywhere, place_at

__all__ = ["SCHEMA", "SETTINGS", "is_encrypted", "is_store", "read_settings"]

SCHEMA = {"plain": 1, "sealed": 2}  # what does not know seals refuses a sealed one as too new
SETTINGS = "gallery.json"


def is_store(where: Anywhere) -> bool:
    return place_at(where).has(SETTINGS)


def is_encrypted(where: Anywhere) -> bool:
    """Whether it is a gallery that wants a passphrase."""
    try:
        return "seal" in json.loads(place_at(where).read(SETTINGS))
    except (OSError, ValueError, TypeError):
        return False


def read_settings(where: Anywhere) -> dict[str, Any]:
    """Raises GalleryError when they are damaged or of another version."""
    place = place_at(where)
    try:
        settings = json.loads(place.read(SETTINGS))
        schema, _, _ = settings["schema"], settings["model"], settings["created"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GalleryError(f"{place}/{SETTINGS} is damaged: {error}") from error
    if schema != SCHEMA["sealed" if "seal" in settings else "plain"]:
        raise GalleryError(
            f"{place} is a gallery of version {schema}, which this meshgait does not read: use the meshgait "
            "that made it, or enrol its people into a new gallery"
        )
    return dict(settings)
