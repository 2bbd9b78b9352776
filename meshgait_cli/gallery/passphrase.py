"""Another passphrase for an encrypted gallery."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SourceNotFound, UsageError
from .place import Anywhere, Place, place_at
from .seal import Seal, said
from .settings import SETTINGS, Settings, is_store
from .store import Store

__all__ = ["change_passphrase"]


def change_passphrase(where: Anywhere, old: str | None, new: Callable[[], str]) -> None:
    """Let the new passphrase open the gallery from now on, and the old one no more.

    The data key stays, and with it every box: only the key's own box, in the settings, is made anew, and
    replaced whole. A copy of the settings from before still opens by the old passphrase. old: None takes it
    from the environment. new: asked once the old one is known to be right.

    Raises SourceNotFound where there is no gallery, UsageError for one that has no passphrase, or for a new
    one that is too short or the old one, GalleryError when the old one is wrong, or when a bucket keeps the
    settings from before.
    """
    place = place_at(where)
    _opened(place, old)
    fresh = new()
    store = Store(place, old)
    with store.holding.changing():
        settings, seal = _opened(place, old)  # another process may have changed it meanwhile
        if fresh == said(old, place.address):
            raise UsageError("the new passphrase is the old one: nothing was changed")
        header = seal.header(fresh)
        place.clear([f".{SETTINGS}.*.tmp"])  # half-written by who was killed over it
        settings.take_seal(header)
        store.audit.note("passphrase")


def _opened(place: Place, passphrase: str | None) -> tuple[Settings, Seal]:
    if not is_store(place):
        raise SourceNotFound(f"{place} is no gallery: `meshgait gallery create {place}` makes one")
    settings = Settings(place)
    if settings.seal is None:
        raise UsageError(
            f"the gallery {place} has no passphrase, it is not encrypted: make one by `meshgait gallery "
            "create --encrypt` and `gallery import` this one into it"
        )
    return settings, Seal.unlocked(settings.seal, said(passphrase, place.address), place.address)
