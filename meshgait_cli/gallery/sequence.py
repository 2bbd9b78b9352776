"""One enrolled walk."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from ..errors import UsageError
from ..records import GaitEmbedding, SilhouetteSequence

__all__ = ["NAME_LIMIT", "GallerySequence", "checked_label", "checked_name", "exchanged", "meant"]

NAME_LIMIT = 200  # characters
_GUESSED = 5000  # people among whom a mistyped name is looked for


@dataclass(frozen=True, slots=True, eq=False)
class GallerySequence:
    """One sequence of a known person.

    name: where it came from, for people to read. id: unique in its store, empty outside of one. source:
    sha256 of what it was read from, so that nothing is enrolled twice. video: the video's address. start_s,
    end_s: its time in the video, NaN where unknown. view, camera: as the user labels them. enrolled: UTC,
    ISO 8601. silhouettes: what the embedding was made of, where it is at hand.
    """

    identity: str
    name: str
    embedding: GaitEmbedding
    id: str = ""
    source: str = ""
    video: str = ""
    start_s: float = math.nan
    end_s: float = math.nan
    view: str = ""
    camera: str = ""
    enrolled: str = ""
    silhouettes: SilhouetteSequence | None = field(default=None, repr=False)


def checked_name(identity: str) -> str:
    """The identity without surrounding blanks. Any script and any sign may be in a name; it is never a path.

    Raises UsageError for an empty or overlong one, and for control characters, which would garble a terminal.
    """
    name = identity.strip()
    if not name or len(name) > NAME_LIMIT:
        raise UsageError(f"a name has 1 to {NAME_LIMIT} characters, not {len(name)}")
    if not name.isprintable():
        raise UsageError(f"{name!r} holds control characters: choose another name")
    return name


def checked_label(text: str, what: str) -> str:
    """A camera or view without surrounding blanks; it may be empty. Raises UsageError as for a name."""
    label = text.strip()
    if len(label) > NAME_LIMIT or not label.isprintable():
        raise UsageError(f"a {what} is named by at most {NAME_LIMIT} characters, none of them a control one")
    return label


def exchanged(text: str, identity: str, new: str) -> str:
    """The text with another name wherever the identity stands as a word of its own."""
    return re.sub(rf"(?<![^\W_]){re.escape(identity)}(?![^\W_])", lambda _: new, text)


def meant(identity: str, people: Collection[str]) -> str:
    """A question about the one name that a mistyped one is like; nothing when there is none."""
    from difflib import get_close_matches

    if len(people) > _GUESSED:
        return ""
    folded = {name.casefold(): name for name in people}
    found = get_close_matches(identity.casefold(), folded, n=1, cutoff=0.7)
    return f": did you mean {folded[found[0]]!r}?" if found else ""
