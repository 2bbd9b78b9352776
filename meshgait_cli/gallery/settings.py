"""What a gallery says of itself: version, model, shape, and how a passphrase opens it."""

from __future__ import annotations

import re
from contextlib import suppress
from secrets import token_hex
from typing import Any

from ..errors import GalleryError, GalleryUnreadable, MeshgaitError
from ..words import from_json
from .place import Anywhere, Place, place_at
from .private import as_json

__all__ = [
    "FILES",
    "HIDDEN",
    "SCHEMA",
    "SETTINGS",
    "Settings",
    "gallery_at",
    "is_encrypted",
    "is_store",
    "other_version",
    "read_settings",
]

SCHEMA = {"plain": 1, "sealed": 2}  # what does not know seals refuses a sealed one as too new
SETTINGS = "gallery.json"
FILES = "files.json"  # of a gallery that follows a folder of videos: what it was made of
HIDDEN = ".meshgait/gallery"  # where that lies in the folder
_MOST_NUMBERS = 1 << 20  # of an embedding: 2 MB of halves
_VECTORS = "vectors"  # where the table lies, unless the settings name another place


def is_store(where: Anywhere) -> bool:
    return place_at(where).has(SETTINGS)


def gallery_at(where: Anywhere) -> Place:
    """Where the gallery lies: of a folder of videos that has become one, hidden inside it."""
    place = place_at(where)
    if place.remote or is_store(place) or not is_store(hidden := place.below(HIDDEN)):
        return place
    return hidden


def is_encrypted(where: Anywhere) -> bool:
    """Whether it is a gallery that wants a passphrase."""
    try:
        return "seal" in from_json(place_at(where).read(SETTINGS))
    except (OSError, ValueError, TypeError):
        return False


def read_settings(where: Anywhere) -> dict[str, Any]:
    """Raises GalleryUnreadable when they are damaged; GalleryError when they are of another version, or
    cannot be read just now."""
    place = place_at(where)
    try:
        settings = from_json(place.read(SETTINGS))
        schema = settings["schema"]
        if schema == SCHEMA["sealed" if "seal" in settings else "plain"]:
            _check(settings)
            return dict(settings)
        if not isinstance(schema, int):
            raise ValueError(f"{schema!r} is no version")
    except OSError as error:
        raise GalleryError(f"{place}/{SETTINGS} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise GalleryUnreadable(f"{place}/{SETTINGS} is damaged: {error}") from error
    raise other_version(place, schema)


def other_version(place: Place, schema: int) -> GalleryError:
    """It is no damage: whatever this version would put in its place, the other one's would be lost."""
    return GalleryError(
        f"{place} is a gallery of version {schema}, which this meshgait does not read: use the meshgait "
        "that made it, or enrol its people into a new gallery"
    )


def _check(settings: dict[str, Any]) -> None:
    """Raises ValueError or KeyError for what no gallery of this version says of itself; a table's name is no
    way out of the place."""
    settings["created"]
    if (model := settings["model"]) is not None:
        found = [type(model[name]) for name in ("id", "trained", "parts", "dim")]
        if found != [str, bool, int, int] or min(model["parts"], model["dim"]) < 1:
            raise ValueError(f"{model} is no model")
        if model["parts"] * model["dim"] > _MOST_NUMBERS:
            raise ValueError("an embedding of that many numbers is none")
    if not isinstance(settings.get("seal", {}), dict):
        raise ValueError(f"{settings['seal']!r} is no seal")
    if not re.fullmatch(rf"{_VECTORS}(-[0-9a-f]+)?", settings.get("table", _VECTORS)):
        raise ValueError(f"{settings['table']!r} is no table")


class Settings:
    """Of one gallery, as they were when last looked at. Raises as `read_settings` does."""

    def __init__(self, place: Place) -> None:
        self._place, self._found = place, read_settings(place)

    @property
    def created(self) -> str:
        """UTC."""
        return str(self._found["created"])

    @property
    def model(self) -> dict[str, Any] | None:
        """id, trained, parts and dim; None while the gallery is empty and new."""
        return self._found["model"]

    @property
    def seal(self) -> dict[str, Any] | None:
        """How a passphrase opens it."""
        return self._found.get("seal")

    @property
    def vectors(self) -> str:
        """Where the table lies."""
        return str(self._found.get("table", _VECTORS))

    def refreshed(self) -> bool:
        """Whether another process has changed them."""
        before, self._found = self._found, read_settings(self._place)
        return self._found != before

    def take_model(self, model: dict[str, Any] | None) -> None:
        self._replace(model=model)

    def take_seal(self, seal: dict[str, Any]) -> None:
        self._replace(seal=seal)

    def move_table(self) -> None:
        """Go on in a copy of the table: whoever may yet be writing to it does so where nobody reads."""
        new = f"{_VECTORS}-{token_hex(4)}"
        self._place.copy(self.vectors, new)
        self._replace(table=new)
        self.clear_aside()

    def clear_aside(self) -> None:
        """Delete the tables that were left to others."""
        if self._place.remote:
            names = [name for name in self._place.sizes() if name.startswith(_VECTORS)]
            self._place.delete([name for name in names if not name.startswith(f"{self.vectors}/")])

    def leave_table(self) -> None:
        """After a failure: if another process has moved the table, delete what was written here since."""
        mine = self.vectors
        with suppress(MeshgaitError):
            if self.refreshed() and self.vectors != mine:
                self._place.delete([name for name in self._place.sizes() if name.startswith(f"{mine}/")])

    def _replace(self, **changes: Any) -> None:
        self._place.replace(SETTINGS, as_json({**self._found, **changes}))
        self.refreshed()
