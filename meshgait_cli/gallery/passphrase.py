"""Another passphrase for an encrypted gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import SourceNotFound, UsageError
from .audit import Audit
from .private import locked, on_this_disk, owner_only, write_json
from .seal import Seal, said
from .settings import SETTINGS, is_store, read_settings

__all__ = ["change_passphrase"]


def change_passphrase(folder: Path, old: str | None, new: Callable[[], str]) -> None:
    """Let the new passphrase open the gallery from now on, and the old one no more.

    The data key stays, and with it every box: only the key's own box, in the settings, is made anew, and
    moved into place whole. A copy of the settings from before still opens by the old passphrase. old: None
    takes it from the environment. new: asked once the old one is known to be right.

    Raises SourceNotFound where there is no gallery, UsageError for one that has no passphrase, or for a new
    one that is too short or the old one, GalleryError when the old one is wrong.
    """
    folder = on_this_disk(folder)
    _opened(folder, old)
    fresh = new()
    with locked(folder / ".lock"), owner_only():
        settings, seal = _opened(folder, old)  # another process may have changed it meanwhile
        if fresh == said(old, folder):
            raise UsageError("the new passphrase is the old one: nothing was changed")
        header = seal.header(fresh)
        for half_written in folder.glob(f".{SETTINGS}.*.tmp"):  # by who was killed over it
            half_written.unlink(missing_ok=True)
        write_json(folder / SETTINGS, {**settings, "seal": header})
        Audit(folder, seal).note("passphrase")


def _opened(folder: Path, passphrase: str | None) -> tuple[dict[str, Any], Seal]:
    if not is_store(folder):
        raise SourceNotFound(f"{folder} is no gallery: `meshgait gallery create {folder}` makes one")
    settings = read_settings(folder)
    if "seal" not in settings:
        raise UsageError(
            f"the gallery {folder} has no passphrase, it is not encrypted: make one by `meshgait gallery "
            "create --encrypt` and `gallery import` this one into it"
        )
    return settings, Seal.unlocked(settings["seal"], said(passphrase, folder), folder)
