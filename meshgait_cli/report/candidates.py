"""The silhouettes behind a gallery's sequence, where they are still at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MeshgaitError

if TYPE_CHECKING:
    from ..gallery.identify import Identification
    from ..gallery.sequence import GallerySequence
    from ..records import Match, SilhouetteSequence

__all__ = ["sequence_of", "silhouettes_of"]


def sequence_of(found: Identification, match: Match) -> GallerySequence | None:
    """The sequence that gave a match its distance."""
    wanted = match.extra.get("sequence_id", "")
    for one in found.gallery.sequences:
        if one.identity == match.identity and one.name == match.sequence and one.id == wanted:
            return one
    return None


def silhouettes_of(found: Identification, sequence: GallerySequence) -> SilhouetteSequence | None:
    """What the sequence's embedding was made of; None when it was not kept, or was damaged since."""
    if sequence.silhouettes is not None or found.store is None:
        return sequence.silhouettes
    try:
        return found.store.silhouettes(sequence.id)
    except (MeshgaitError, OSError, ValueError):
        return None  # a page with one picture less is better than none
