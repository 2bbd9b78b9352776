"""Other people's words: names of files and people, labels, what a library says went wrong."""

from __future__ import annotations

import os
from unicodedata import category

__all__ = ["plain", "storable"]


def plain(text: str) -> str:
    """Somebody else's text without signs that turn or hide what stands beside them, or steer a terminal."""
    return "".join(sign if sign.isprintable() or category(sign) == "Zs" else "\ufffd" for sign in text)


def storable(name: str) -> str:
    """What a file is called, with a sign for what is not UTF-8."""
    return os.fsencode(name).decode(errors="replace")
